import { errorMessage } from '../domain/errors';
import { failpoint } from '../failpoints/failpoint';
import type { BlockedTopic } from '../kafka/topic-health';
import { PIECE, setAside } from '../postgres/relay/aside';
import { writeBlockedOnRelay } from '../postgres/relay/blocked';
import type { Attachment } from './attachment';
import { lookAgain } from './admission/look-again';
import { reviewStep } from './review';
import type { RunState } from './run-state';
import { isRefused } from './settling';

const EVERY_MS = 1_000;
/** After a row was locked or Postgres refused, ms. */
const AGAIN_MS = 200;
/** Publishers of one statement that sets events aside. */
const AT_ONCE = 50;

/**
 * Beside the loop that sends, and never in its way: sets aside what claims met and cannot go, brings back what became free, looks again at
 * topics that took nothing, until the run is over. Its writes never run side by side, so what is set aside was judged after whatever was
 * brought back before. Rejects when the relay is lost, or an answer is unknown.
 */
export async function tendOn(state: RunState): Promise<void> {
  while (!state.over) {
    let again = false;
    for (const step of [writeAsides, review, writeBlocked]) {
      try {
        again = (await step(state)) || again;
      } catch (error) {
        if (!isRefused(error)) throw error;
        await state.tending.wait(AGAIN_MS);
        again = true;
      }
    }
    // What it waits for is Kafka, which may be why the run is over.
    await state.unlessOver(lookAtTopics(state));
    if (state.set.anyReady) state.work.set();
    if (!again) await state.tending.wait(Math.max(1, Math.min(EVERY_MS, state.topics.waitMs(Date.now()))));
  }
}

/** True if some are left. */
async function writeAsides(state: RunState): Promise<boolean> {
  const met = [...state.set.all()].filter(({ aside }) => aside.size > 0).slice(0, AT_ONCE);
  if (met.length === 0) return false;
  const most = Math.ceil(PIECE / met.length);
  const pieces = met.map((attachment) => ({ ref: attachment.ref, ...(attachment.aside.take(most) as Piece) }));
  const generations = met.map(({ generation }) => generation);
  await failpoint('relay_before_aside');
  const answers = await setAside(state.deps.db, state.held, pieces);
  await failpoint('relay_after_aside');
  for (const [i, attachment] of met.entries()) {
    const answer = answers[i];
    // A newer drain, or an operator: what is not written is judged anew by a claim.
    if (answer === 'written' && attachment.generation === generations[i])
      attachment.aside.written(pieces[i]?.events ?? []);
    if (answer === 'changed') attachment.judgeAnew();
    if (answer !== 'locked') state.set.judge(attachment, Date.now());
  }
  if (answers.includes('locked')) await state.tending.wait(AGAIN_MS);
  return true;
}

type Piece = NonNullable<ReturnType<Attachment['aside']['take']>>;

/** One step of each publisher of which something may be free; true if some go on. */
async function review(state: RunState): Promise<boolean> {
  let again = false;
  for (const attachment of state.set.all()) {
    if (!attachment.reviewing || attachment.ending !== null) continue;
    attachment.reviewBegins();
    attachment.reviewEnds(await reviewStep(state, attachment));
    again ||= attachment.reviewing;
    state.set.judge(attachment, Date.now());
  }
  return again;
}

async function writeBlocked(state: RunState): Promise<boolean> {
  for (const attachment of state.set.all()) {
    if (!attachment.topics.changed || attachment.ending !== null) continue;
    attachment.topics.changed = false;
    const codes = new Map([...attachment.topics.all].map(([topic, { code }]) => [topic, code]));
    await writeBlockedOnRelay(state.deps.db, state.held, attachment.ref, codes).catch((error: unknown) => {
      attachment.topics.changed = true;
      throw error;
    });
  }
  return false;
}

/** Events of those that are well again are brought back by the next reviews. While Kafka does not answer nothing is learned. */
async function lookAtTopics(state: RunState): Promise<void> {
  const { admission } = state.deps;
  const isBack = ({ topic, code }: BlockedTopic): boolean =>
    code === 'KAFKA_TOPIC_UNAVAILABLE' && admission.stateOf(topic) === 'admitted';
  state.topics.hurryIf(isBack, Date.now());
  const due = state.topics.due(Date.now());
  if (due.length === 0) return;
  try {
    const blocked = await lookAgain(state.deps, due, `topics-${state.held.relay}`);
    const still = new Map(blocked.map((topic) => [topic.topic, topic]));
    const now = Date.now();
    for (const { topic } of due) {
      const sick = still.get(topic);
      if (sick === undefined) state.topics.delete(topic);
      else state.topics.add(sick, now);
    }
    for (const attachment of state.set.all()) if (attachment.topics.looked(due, still)) attachment.askReview();
  } catch (error) {
    for (const attachment of state.set.all()) attachment.topics.looked([], new Map());
    state.deps.observer.note('topics that took nothing could not be looked at', { error: errorMessage(error) });
  }
}
