import { OutboxError, isOutboxError } from '../domain/errors';
import { beginFold, judge, unfinished } from '../domain/relay/fold';
import { goneLedger } from '../domain/relay/ledger-halt';
import type { Fold } from '../domain/relay/fold';
import type { Settled } from '../domain/relay/types';
import { failpoint } from '../failpoints/failpoint';
import type { RelayProducer } from '../kafka/transaction/relay-producer';
import { LEASE_MS } from '../postgres/relay/leases';
import { rememberLedger } from '../postgres/relay/installation';
import { recoverChunk, noteStrangers } from '../postgres/relay/recover';
import { haltRelay, markRecovered, takeRelay } from '../postgres/relay/relays';
import type { TakenRelay } from '../postgres/relay/relays';
import type { RelayDeps, TakeOverReason } from './deps';
import { compareIds } from './id-queue';

/** A relay that was taken over, and the producer that is now its only one. */
export interface TakenOver {
  /** With L as the take-over has left it: its own barrier. */
  readonly held: TakenRelay;
  readonly producer: RelayProducer;
}

/** For T1 to T3, ms: an open transaction of a dead producer is ended within it, and a partition moves to another broker. */
const INIT_MS = 20_000;

/**
 *   T0 fence ─→ T1 producer epoch ─→ T2 barrier ─→ T3 read from L to the barrier ─→ T4 settle in chunks, closed, recovered ─→ (T5 adopt)
 *
 * The only way to go on with a relay after any doubt. T0 before T1: whoever is fenced in Kafka finds its fence gone in Postgres, too.
 * T1 before T2: from the new epoch on the outcome of every older transaction is final. T2 before T3: the log is read up to a record of our
 * own, never judged by its end. Rejects with FENCED while another worker has the lease, with LEDGER_MISMATCH after it has halted the relay,
 * and with what failed; then nothing is known and T0 is the next step. `fenced` hears of T0: from then on this worker has the fence.
 */
export async function takeOver(
  deps: RelayDeps,
  relay: number,
  reason: TakeOverReason,
  fenced: (held: TakenRelay) => void = () => undefined,
): Promise<TakenOver> {
  const began = performance.now();
  await failpoint('relay_before_fence');
  const held = await takeRelay(deps.db, relay, deps.worker, LEASE_MS);
  fenced(held);
  await failpoint('relay_after_fence');
  const producer = deps.kafka.open(relay);
  try {
    await producer.initialise(INIT_MS);
    await failpoint('relay_after_init');
    const { fence, server, relays } = held;
    const barrier = await producer.writeBarrier({ kind: 'barrier', fence, server, relays });
    await failpoint('relay_after_barrier');
    await sameLedger(deps, held);
    const found = await settleLedger(deps, held, producer, barrier).catch((error: unknown) => {
      if (isOutboxError(error) && error.code === 'LEDGER_MISMATCH') return halt(deps, held, error.message);
      throw error;
    });
    await markRecovered(deps.db, held);
    await failpoint('relay_after_recovered');
    deps.observer.tookOver(relay, reason, performance.now() - began, found);
    return { held: { ...held, settled: found.to }, producer };
  } catch (error) {
    producer.destroy();
    throw error;
  }
}

/** After T2: made anew later than this, the topic does not have the barrier, and the take-over that follows looks here again. */
async function sameLedger(deps: RelayDeps, held: TakenRelay): Promise<void> {
  if (held.settled.kind !== 'none') return;
  const found = await deps.kafka.ledgerId();
  if (found === null) {
    // The barrier was acknowledged just now: the broker that was asked is behind.
    const why = 'A broker does not know the ledger topic yet that another one writes to. It is asked again.';
    throw new OutboxError('KAFKA_UNAVAILABLE', why);
  }
  const remembered = held.ledgerId ?? (await rememberLedger(deps.db, found));
  const gone = goneLedger(held.settled, remembered, found);
  if (gone !== null) return halt(deps, held, gone.text);
}

/** T3 and T4. Each chunk moves L with what it settles, so a take-over that is cut goes on where it was. */
async function settleLedger(
  deps: RelayDeps,
  held: TakenRelay,
  producer: RelayProducer,
  barrier: number,
): Promise<{ settled: number; strangers: number; to: Settled }> {
  const { settled, servers, fence, server } = held;
  const own = { fence, server, offset: barrier };
  const found = { settled: 0, strangers: 0, ofDeleted: 0 };
  let highestId = '0';
  const read: { fold: Fold | null } = { fold: null };
  await producer.readLedger(settled.offset, barrier, async (records, logStart) => {
    const fold = read.fold ?? beginFold({ settled, known: new Set(servers), own, logStart });
    const judged = judge(fold, records);
    if (judged.kind === 'halt') throw mismatch(held, judged.text);
    read.fold = judged.fold;
    const before = fold.settled.offset;
    const next = judged.fold.settled;
    if (next.offset === before) return;
    const batches = judged.settle.map(({ batch }) => batch);
    const chunk = await recoverChunk(deps.db, held, { before, next, batches });
    found.settled += chunk.counts.reduce((sum, { events, copies }) => sum + events + copies, 0);
    found.strangers += chunk.strangers;
    found.ofDeleted += chunk.ofDeleted;
    if (compareIds(chunk.highestStranger, highestId) > 0) highestId = chunk.highestStranger;
    await failpoint('relay_after_chunk');
  });
  if (read.fold === null) {
    throw new OutboxError('KAFKA_INDEFINITE', `The ledger of relay ${held.relay} was read as empty; take over again.`);
  }
  const halted = unfinished(read.fold);
  if (halted !== null) throw mismatch(held, halted.text);
  if (found.strangers + found.ofDeleted > 0) {
    await noteStrangers(deps.db, held, { strangers: found.strangers, highestId });
  }
  // Those of deleted tenants are nobody's loss.
  if (found.strangers > 0) {
    deps.observer.note('the ledger names events that this database does not have', { relay: held.relay, ...found });
  }
  return { ...found, to: read.fold.settled };
}

async function halt(deps: RelayDeps, held: TakenRelay, why: string): Promise<never> {
  await haltRelay(deps.db, held, why);
  throw mismatch(held, why);
}

function mismatch({ relay }: TakenRelay, why: string): OutboxError {
  return new OutboxError('LEDGER_MISMATCH', why, { details: { relay } });
}
