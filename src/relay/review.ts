import { PIECE, bringBack, forgetReleased, releasedKeys } from '../postgres/relay/aside';
import type { Return } from '../postgres/relay/aside';
import { blockedTopics } from '../postgres/relay/blocked';
import type { Attachment } from './attachment';
import type { RunState } from './run-state';

/** Keys of one step: each is a statement. */
const KEYS_AT_ONCE = 50;
/** Of an operator's order, in place of a key: look at the topics. */
const TOPICS = '';

/**
 * Brings back some of what is aside and free: keys that an operator released, all keys under onPoison skip, topics that are well again. True
 * when nothing is left to bring back.
 */
export async function reviewStep(state: RunState, attachment: Attachment): Promise<boolean> {
  const { db } = state.deps;
  if (!attachment.topics.known) {
    attachment.topics.known = true;
    await hope(state, attachment);
  }
  if (!attachment.holds && !(await back(state, attachment, { keys: 'all' }))) return false;
  const released = await releasedKeys(db, attachment.ref, KEYS_AT_ONCE);
  for (const one of released) {
    if (one.key === TOPICS) await hope(state, attachment);
    if (attachment.holds && !(await back(state, attachment, { key: one.key }))) return false;
    await forgetReleased(db, attachment.ref, [one]);
  }
  for (const topic of [...attachment.topics.healed]) {
    if (!(await back(state, attachment, { topic }))) return false;
    if (attachment.topics.healed.has(topic)) attachment.unblock(topic);
  }
  return released.length < KEYS_AT_ONCE;
}

/** One piece; true if no more is free. Claims that began before it are void. */
async function back(state: RunState, attachment: Attachment, what: Return): Promise<boolean> {
  const moved = await bringBack(state.deps.db, state.held, attachment.ref, what);
  if (moved > 0) {
    attachment.judgeAnew();
    attachment.lastEventAt = Date.now();
  }
  return moved < PIECE;
}

/** Events of these topics are aside, and somebody has reason to hope, or nobody has looked for long: they are looked at now. */
async function hope(state: RunState, attachment: Attachment): Promise<void> {
  const now = Date.now();
  for (const { topic, code } of await blockedTopics(state.deps.db, attachment.ref)) {
    const known = attachment.topics.all.get(topic) ?? state.topics.get(topic);
    const sick = known ?? { topic, code: code ?? 'KAFKA_TOPIC_FORBIDDEN', reason: `Topic "${topic}" took nothing.` };
    attachment.block(sick);
    state.topics.hurry(sick, now);
  }
  attachment.topics.hoped = attachment.topics.all.size > 0;
}
