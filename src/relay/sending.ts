import { setTimeout as delay } from 'node:timers/promises';
import { failpoint } from '../failpoints/failpoint';
import { OutboxError, isOutboxError } from '../domain/errors';
import { diagnose, nameOf } from '../domain/relay/admission';
import type { TransactionResult } from '../kafka/transaction/types';
import { compose } from './compose';
import type { Prepared } from './compose';
import { release } from './refusals';
import { handleRefusals } from './refusals';
import { screened } from './screen';
import type { RunState } from './run-state';
import { Settling } from './settling';

/** Without work the loop looks so often (ms) whether a quota lets somebody go on. */
const IDLE_MS = 100;
/** How long the end of a run waits for a claim under way, ms. */
const LAST_CLAIM_MS = 500;

/**
 * P1 and P2 until the run is over, one transaction after the other:
 *
 *   claim n ─→ transaction n ─→ settle n
 *                 claim n+1 ─→ transaction n+1 ─→ …     transaction n+2 begins when settle n is over
 *
 * While there is a backlog the next batch is claimed beside the transaction; otherwise after it, so that it takes what came meanwhile.
 * Rejects with the doubt that ends this fence; then nothing is known of the last batch until the relay is taken over anew.
 */
export async function sendOn(state: RunState): Promise<void> {
  const settling = new Settling(state);
  try {
    await sendAll(state, settling);
  } catch (error) {
    state.end();
    if (!state.isUndecided)
      await settling.idle().then(
        () => (state.isClean = true),
        () => undefined,
      );
    throw error;
  }
  await settling.idle();
  state.isClean = true;
}

async function sendAll(state: RunState, settling: Settling): Promise<void> {
  let seq = state.held.settled.seq + 1;
  let following: Promise<Prepared | null> | null = null;
  try {
    for (;;) {
      const prepared: Prepared | null = following === null ? await nextOf(state) : await following;
      following = null;
      if (prepared === null) {
        if (state.over) break;
        continue;
      }
      await settling.idle();
      if (state.over) {
        release(state, prepared);
        break;
      }
      if (holdsSuspended(state, prepared)) {
        release(state, prepared);
        continue;
      }
      const began = performance.now();
      const sent = send(state, prepared, seq);
      if (isBacklog(state, prepared)) following = nextOf(state, false);
      following?.catch(() => undefined);
      const result = await decided(state, sent);
      const ms = performance.now() - began;
      if (result.kind === 'committed') {
        state.deps.observer.transaction(state.held.relay, 'committed', prepared.events, ms);
        state.pace.took({
          events: prepared.events,
          bytes: prepared.bytes,
          transactionMs: ms,
          settleMs: settling.lastMs,
        });
        settling.add({ prepared, seq, ledgerOffset: result.ledgerOffset, places: result.places });
        seq += 1;
      } else if (result.kind === 'refused') {
        state.deps.observer.transaction(state.held.relay, 'aborted', prepared.events, ms);
        // A prepared claim may have later events of the keys that now wait.
        const dropped = await following;
        following = null;
        if (dropped !== null) release(state, dropped);
        await settling.idle();
        await handleRefusals(state, prepared, result.refusals);
      } else {
        state.deps.observer.transaction(state.held.relay, 'unanswered', prepared.events, ms);
        throw unanswered(state, result);
      }
      if (result.epochSpent) {
        await settling.idle();
        throw new OutboxError(
          'KAFKA_INDEFINITE',
          'The end of a transaction had to be repeated; the relay goes on in a new epoch.',
        );
      }
    }
  } finally {
    state.end();
    // Its look at topics may wait for what ended the run.
    const left = await Promise.race([following?.catch(() => null), delay(LAST_CLAIM_MS)]);
    if (left != null) release(state, left);
  }
}

/** After any failure before the commit was sent it is known that nothing will be committed. */
async function decided(state: RunState, sent: Promise<TransactionResult>): Promise<TransactionResult> {
  state.isUndecided = true;
  try {
    const result = await sent;
    state.isUndecided = false;
    return result;
  } catch (error) {
    const phase = isOutboxError(error) ? error.details['phase'] : null;
    state.isUndecided = phase !== 'prepare' && phase !== 'sending';
    throw error;
  }
}

/** One of its topics has lost its admission since it was claimed. */
function holdsSuspended({ deps }: RunState, { groups }: Prepared): boolean {
  const { admission } = deps;
  if (admission.suspended === 0) return false;
  return groups.some(({ events }) => events.some(({ event }) => admission.stateOf(event.topic) === 'suspended'));
}

/** Waits for work and claims it. Null when there is none after a while, or the run is over. */
async function nextOf(state: RunState, waits = true): Promise<Prepared | null> {
  if (state.over) return null;
  // Without a wait in it the loop would keep the looks from ever being answered.
  if (waits && !isReady(state)) await state.work.wait(IDLE_MS);
  if (state.over || state.horizon === null || !isReady(state)) return null;
  const { deps, held, set, inFlight, horizon, pace } = state;
  const began = performance.now();
  const claimed = await compose(deps, held, set, inFlight, horizon, pace.budget());
  deps.observer.took('claim', performance.now() - began);
  if (set.anyMet) state.tending.set();
  set.anyMet = false;
  if (claimed === null) return null;
  await failpoint('relay_after_claim');
  return screened(state, claimed);
}

function isReady(state: RunState): boolean {
  return state.horizon !== null && state.set.anyReady;
}

function isBacklog(state: RunState, prepared: Prepared): boolean {
  return state.set.anyReady && prepared.events * 2 >= state.pace.budget().events;
}

function send(state: RunState, prepared: Prepared, seq: number): Promise<TransactionResult> {
  return state.producer.transact({
    seq,
    fence: state.held.fence,
    groups: prepared.groups.map(({ attachment, events }) => ({
      publisher: attachment.ref,
      events: events.map(({ event }) => event),
      fingerprints: events.map(({ fingerprint }) => fingerprint),
      ...(attachment.drain.request.plainKey !== undefined && { plainKey: attachment.drain.request.plainKey }),
    })),
  });
}

type Unanswered = Extract<TransactionResult, { kind: 'unanswered' }>;

/** Unless Kafka is sick, the topics lose their admission, and the publishers need not wait for what the relay waits for. */
function unanswered(state: RunState, { partitions, all }: Unanswered): OutboxError {
  const { admission, kafka } = state.deps;
  const named = partitions.slice(0, 20).map(nameOf).join(', ');
  const diagnosis = diagnose(partitions, all, kafka.ledgerTopic);
  if (diagnosis.kind === 'suspended') {
    state.isRetired = true;
    for (const topic of diagnosis.topics) {
      const own = partitions.filter((one) => one.topic === topic).map(({ partition }) => partition);
      admission.lost(
        topic,
        `Partition ${own.slice(0, 20).join(', ')} of topic "${topic}" did not answer in time. Check its brokers.`,
      );
    }
  }
  return new OutboxError(
    'KAFKA_TIMEOUT',
    `Kafka did not answer for ${named}: the transaction is not committed. Check the brokers that lead them; the relay is taken over anew.` +
      (diagnosis.kind === 'sick' ? ` Taken for a sickness of Kafka: ${diagnosis.why}.` : ''),
    { details: { partitions: partitions.slice(0, 20) } },
  );
}
