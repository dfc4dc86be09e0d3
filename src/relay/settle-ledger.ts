import { OutboxError } from '../domain/errors';
import { adoptNext } from '../domain/relay/adopted';
import { beginFold, judge, unfinished } from '../domain/relay/fold';
import type { Fold } from '../domain/relay/fold';
import type { LedgerHalt } from '../domain/relay/ledger-halt';
import type { PlacedRecord, Settled } from '../domain/relay/types';
import { failpoint } from '../failpoints/failpoint';
import type { RelayProducer } from '../kafka/transaction/relay-producer';
import { noteStrangers, recoverChunk } from '../postgres/relay/recover';
import type { TakenRelay } from '../postgres/relay/relays';
import type { RelayDeps } from './deps';
import { compareIds } from './id-queue';

export type FoundInLedger =
  | { readonly kind: 'settled'; readonly settled: number; readonly strangers: number; readonly to: Settled }
  /** Nothing more was settled: this database is an older copy, and has to raise its generation to this first. */
  | { readonly kind: 'older'; readonly generation: number }
  | LedgerHalt;

/**
 * T3 and T4: reads the partition from L to the own barrier at offset `barrier`. Each chunk moves L with what it settles, so a take-over that
 * is cut goes on where it was.
 */
export async function settleLedger(
  deps: RelayDeps,
  held: TakenRelay,
  producer: RelayProducer,
  barrier: number,
): Promise<FoundInLedger> {
  const { settled } = held;
  const found = { settled: 0, strangers: 0, idsGivenAgain: 0, ofDeleted: 0 };
  let highestId = '0';
  const state: { fold: Fold | null; halted: LedgerHalt | null } = { fold: null, halted: null };
  const next = (records: readonly PlacedRecord[], logStart: number): ReturnType<typeof judge> => {
    const known = new Set(held.servers);
    const fold = state.fold ?? beginFold({ settled, known, own: { ...held, offset: barrier }, logStart });
    return held.adopting ? adoptNext(fold, records) : judge(fold, records);
  };
  const from = held.adopting ? 0 : settled.offset;
  const onChunk = async (records: PlacedRecord[], logStart: number): Promise<void> => {
    if (state.halted !== null) return;
    const before = state.fold?.settled.offset ?? settled.offset;
    const judged = next(records, logStart);
    if (judged.kind === 'halt') {
      state.halted = judged;
      return;
    }
    state.fold = judged.fold;
    // An older copy settles nothing behind what shows it: cut here, it would not see that again.
    if (judged.fold.claim > 0 || judged.fold.settled.offset === before) return;
    const batches = judged.settle.map(({ batch }) => batch);
    const { relays } = judged.fold;
    const raised = held.relay === 0 && relays > held.relays ? { relays } : {};
    const chunk = await recoverChunk(deps.db, held, { before, next: judged.fold.settled, batches, ...raised });
    found.settled += chunk.counts.reduce((sum, { events, copies }) => sum + events + copies, 0);
    found.strangers += chunk.strangers;
    found.idsGivenAgain += chunk.idsGivenAgain;
    found.ofDeleted += chunk.ofDeleted;
    if (compareIds(chunk.highestStranger, highestId) > 0) highestId = chunk.highestStranger;
    await failpoint('relay_after_chunk');
  };
  await producer.readLedger(from, barrier, onChunk, { skipsForged: held.adopting });
  const { fold } = state;
  if (state.halted !== null) return state.halted;
  if (fold === null) {
    throw new OutboxError('KAFKA_INDEFINITE', `The ledger of relay ${held.relay} was read as empty; take over again.`);
  }
  const halted = unfinished(fold);
  if (halted !== null) return halted;
  if (found.strangers + found.ofDeleted > 0) {
    await noteStrangers(deps.db, held, { strangers: found.strangers, highestId });
  }
  // Those of deleted tenants are nobody's loss.
  if (found.strangers > 0) {
    deps.observer.note('the ledger names events that this database does not have', { relay: held.relay, ...found });
  }
  if (fold.claim > 0) return { kind: 'older', generation: fold.claim };
  return { kind: 'settled', settled: found.settled, strangers: found.strangers, to: fold.settled };
}
