import { OutboxError, isOutboxError } from '../domain/errors';
import { goneLedger, ledgerHalt, shownSettled } from '../domain/relay/ledger-halt';
import type { LedgerHalt, LedgerHaltReason } from '../domain/relay/ledger-halt';
import { failpoint } from '../failpoints/failpoint';
import type { RelayProducer } from '../kafka/transaction/relay-producer';
import { raiseGeneration } from '../postgres/relay/generation';
import { rememberLedger } from '../postgres/relay/installation';
import { LEASE_MS } from '../postgres/relay/leases';
import { haltRelay, markRecovered, takeRelay } from '../postgres/relay/relays';
import type { TakenRelay } from '../postgres/relay/relays';
import type { RelayDeps, TakeOverReason } from './deps';
import { settleLedger } from './settle-ledger';
import type { FoundInLedger } from './settle-ledger';

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
 *     ↑                                                  └─ an older copy: raise the generation, and T0 again
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
    const { fence, settled } = held;
    // N is raised by relay 0's holder, here, before anybody uses it.
    const relays = relay === 0 ? Math.max(held.relays, deps.relays) : held.relays;
    const { server, system, timeline, wal, generation } = held;
    const origin = { server, system, timeline, wal, generation };
    const barrier = await producer.writeBarrier({ kind: 'barrier', fence, ...origin, from: settled.offset, relays });
    await failpoint('relay_after_barrier');
    const found =
      (await sameLedger(deps, held)) ?? (await settleLedger(deps, held, producer, barrier).catch(asHalt(held)));
    if (found.kind === 'halt') return await halt(deps, held, found);
    if (found.kind === 'settled') {
      await markRecovered(deps.db, held);
      await failpoint('relay_after_recovered');
      const { settled: marked, strangers } = found;
      deps.observer.tookOver(relay, reason, performance.now() - began, { settled: marked, strangers });
      return { held: { ...held, settled: found.to }, producer };
    }
    await raiseGeneration(deps.db, held, found.generation);
    deps.observer.note('this database is an older copy, and replaces the one that wrote what it lacks', {
      relay,
      ...origin,
      raisedTo: found.generation,
    });
  } catch (error) {
    producer.destroy();
    throw error;
  }
  producer.destroy();
  return takeOver(deps, relay, reason, fenced);
}

/** After T2: made anew later than this, the topic does not have the barrier, and the take-over that follows looks here again. */
async function sameLedger(deps: RelayDeps, held: TakenRelay): Promise<LedgerHalt | null> {
  if (held.settled.kind !== 'none') return null;
  const found = await deps.kafka.ledgerId();
  if (found === null) {
    // The barrier was acknowledged just now: the broker that was asked is behind.
    const why = 'A broker does not know the ledger topic yet that another one writes to. It is asked again.';
    throw new OutboxError('KAFKA_UNAVAILABLE', why);
  }
  if (held.adopting) {
    await rememberLedger(deps.db, found, true);
    return null;
  }
  return goneLedger(held.settled, held.ledgerId ?? (await rememberLedger(deps.db, found)), found);
}

const REASONS: Readonly<Record<string, LedgerHaltReason>> = {
  'log-start': 'history_incomplete',
  unreadable: 'unreadable',
};

/** What the reader found wrong with the partition itself. */
function asHalt(held: TakenRelay): (error: unknown) => FoundInLedger {
  return (error) => {
    if (!isOutboxError(error) || error.code !== 'LEDGER_MISMATCH') throw error;
    const reason = REASONS[String(error.details['kind'])] ?? 'record_changed';
    return ledgerHalt(reason, `Postgres remembers ${shownSettled(held.settled)}`, `Kafka: ${error.message}`);
  };
}

async function halt(deps: RelayDeps, held: TakenRelay, found: LedgerHalt): Promise<never> {
  await haltRelay(deps.db, held, found);
  throw new OutboxError('LEDGER_MISMATCH', found.text, { details: { relay: held.relay } });
}
