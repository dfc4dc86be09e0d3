import { ledgerGroup } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import type { LedgerEntry } from '../sink';
import { CODE, isAnswer } from './answer-error';
import { Deadline } from './deadline';
import { ledgerEntryOf } from './ledger-metadata';
import { offsetFetch } from './offset-fetch';
import type { Shared } from './shared';

const BUSY = [
  CODE.COORDINATOR_LOADING,
  CODE.COORDINATOR_NOT_AVAILABLE,
  CODE.NOT_COORDINATOR,
  CODE.UNSTABLE_OFFSET_COMMIT,
] as const;

/** The ledger without an epoch of one's own: a transaction that is under way may still change it. */
export async function peekLedger(shared: Shared, ref: PublisherRef): Promise<LedgerEntry | null> {
  const { installId, ledgerTopic, requestTimeoutMs } = shared.settings;
  const group = ledgerGroup(installId, ref);
  const committed = await shared.use('showing the ledger', (connections) =>
    new Deadline(requestTimeoutMs).retry(
      async () => connections.send(await connections.coordinator('group', group), offsetFetch(group, ledgerTopic, 0)),
      (error) => isAnswer(error, ...BUSY),
    ),
  );
  return ledgerEntryOf(committed);
}
