import type { DrainFailure } from '../domain/drain';
import { FLOWS_MS } from '../domain/publisher-outcome';
import { errorMessage } from '../domain/errors';
import { failpoint } from '../failpoints/failpoint';
import { detachPublishers, forgetDrain } from '../postgres/relay/detach';
import type { Detached } from '../postgres/relay/detach';
import { retryUnsettled } from '../postgres/relay/unsettled';
import { adopt } from './adopt';
import type { Attachment } from './attachment';
import type { RelayDeps } from './deps';
import { endedOf, outcomeOf } from './outcome';
import type { RunState } from './run-state';

const EVERY_MS = 1_000;
/** While publishers wait to be adopted, because other relays are not recovered yet or because their rows are locked. */
const ADOPT_MS = 100;
/** A quota that makes a publisher wait for longer is waited for by its workflow, where an operator sees it. */
const LONGEST_TOKEN_WAIT_MS = 30_000;
const DETACH_AT_ONCE = 200;
/** Outcomes that are handed over at the same time: each is a request to Temporal. */
const TELL_AT_ONCE = 10;

/** Ends drains whose time is over, detaches what is to leave, and marks what was locked, until the run is over. Rejects when the relay is lost. */
export async function keepOn(state: RunState): Promise<void> {
  let next = 0;
  while (!state.over) {
    const now = Date.now();
    if (now >= next) {
      next = now + (state.toAdopt > 0 ? ADOPT_MS : EVERY_MS);
      for (const attachment of state.set.all()) endIfDue(state, attachment, now);
      if (state.toAdopt > 0) await adopt(state);
      if (state.unsettled > 0) state.unsettled = (await retryUnsettled(state.deps.db, state.held)).unsettled;
    }
    await detachLeaving(state);
    await state.leaving.wait(Math.max(1, next - Date.now()));
  }
}

function endIfDue({ deps, set }: RunState, attachment: Attachment, now: number): void {
  const { drain } = attachment;
  if (attachment.ending !== null) return;
  if (now - drain.attachedAt > deps.drainMaxMs) return set.end(attachment, 'time');
  // What is aside may be free, or is not aside yet.
  if (attachment.onTheWay > 0 || attachment.reviewing || attachment.topics.hoped || attachment.aside.size > 0) return;
  const { request } = drain;
  if (request.probe === true && attachment.published + attachment.parked >= request.events) {
    return set.end(attachment, 'granted');
  }
  const waits = attachment.tokens.waitMs(now);
  if (attachment.hasWork && (waits === null || waits > LONGEST_TOKEN_WAIT_MS)) return set.end(attachment, 'granted');
  const lingerMs = request.probe === true ? 0 : deps.lingerMs;
  if (attachment.hasWork || !attachment.copies.known) return;
  const blocked = blockedFailure(deps, attachment, now);
  if (blocked !== null) return set.end(attachment, 'failed', blocked);
  if (now - attachment.lastEventAt > lingerMs) set.end(attachment, 'empty');
}

/** What the workflow is told of a publisher of which everything that is left waits for its topics; null while others flow. */
function blockedFailure(
  { admission }: RelayDeps,
  { topics, publishedAt }: Attachment,
  now: number,
): DrainFailure | null {
  // One that is only being probed is nobody's failure.
  const first = [...topics.all.values()].find(
    ({ topic, code }) => code !== 'KAFKA_TOPIC_UNAVAILABLE' || admission.stateOf(topic) === 'suspended',
  );
  if (first === undefined || (publishedAt !== null && now - publishedAt < FLOWS_MS)) return null;
  return { code: first.code, message: first.reason, breaker: true };
}

async function detachLeaving(state: RunState): Promise<void> {
  const { deps, held, set } = state;
  for (let leaving = set.leaving(); leaving.length > 0; leaving = set.leaving()) {
    const some = leaving.slice(0, DETACH_AT_ONCE);
    await failpoint('relay_before_detach');
    const rows = await detachPublishers(
      deps.db,
      held,
      some.map((one) => ({ ref: one.ref, ended: { ...endedOf(one) } })),
    );
    await failpoint('relay_after_detach');
    for (const one of some) {
      set.remove(one);
      if (one.failure !== null) deps.observer.failed(one.ref, one.failure.code, one.failure.message);
    }
    // Beside the loop: Temporal may be slow or away, and others are to leave meanwhile.
    void tellAll(deps, rows);
  }
}

/** Hands outcomes to the activities that wait for them. What cannot be told stays in the row, and is told later by whoever finds it. */
export async function tellAll(deps: RelayDeps, rows: readonly Detached[]): Promise<void> {
  const waiting = rows.values();
  const lane = async (): Promise<void> => {
    for (const row of waiting) await tell(deps, row);
  };
  await Promise.all(Array.from({ length: Math.min(TELL_AT_ONCE, rows.length) }, lane));
}

async function tell(deps: RelayDeps, row: Detached): Promise<void> {
  try {
    const { address, outcome } = outcomeOf(row, deps.worker);
    await deps.complete(address, outcome);
    await failpoint('relay_after_complete');
    deps.observer.ended(row, outcome);
    await forgetDrain(deps.db, row, { ...address });
  } catch (error) {
    deps.observer.note('a drain could not be told its outcome yet', { tenant: row.tenant, error: errorMessage(error) });
  }
}
