import type { Batch, LedgerRow } from './batch';
import type { Kafka } from './world';
import type { Rules } from './rules';

/** InitProducerId: aborts what is open and fences every older epoch. */
export function initProducer(kafka: Kafka): Kafka {
  return { ...kafka, epoch: kafka.epoch + 1, open: null };
}

/** The coordinator's transaction time-out: it aborts under an epoch of its own. */
export function timeOutTransaction(kafka: Kafka): Kafka {
  return initProducer(kafka);
}

/** Events and ledger of one batch into a new transaction; null = a newer epoch exists. */
export function send(kafka: Kafka, epoch: number, batch: Batch): Kafka | null {
  return kafka.epoch === epoch ? { ...kafka, open: batch } : null;
}

/** EndTxn, commit; null = refused: a newer epoch exists, or nothing is open. */
export function commit(kafka: Kafka, epoch: number, now: number, rules: Rules): Kafka | null {
  const { open } = kafka;
  if (kafka.epoch !== epoch || open === null) return null;
  const entry: LedgerRow = { seq: open.seq, batchId: open.batchId, at: now };
  return {
    ...kafka,
    open: null,
    log: [...kafka.log, ...open.items],
    // A stable read waits until the commit is applied, so the moment in between can only be seen without that rule.
    ...(rules.stableLedger ? { ledger: entry } : { ...applied(kafka), unapplied: entry }),
  };
}

/** The group coordinator applies the commit's marker. */
export function applied(kafka: Kafka): Pick<Kafka, 'ledger' | 'unapplied'> {
  return { ledger: kafka.unapplied ?? kafka.ledger, unapplied: null };
}

/** A commit request whose answer nobody waits for. */
export function sendLateCommit(kafka: Kafka, epoch: number): Kafka {
  return { ...kafka, late: [...kafka.late, { kind: 'commit', epoch }] };
}

/** Delivers the late request `index`. */
export function deliver(kafka: Kafka, index: number, now: number, rules: Rules): Kafka {
  const request = kafka.late[index];
  const rest: Kafka = { ...kafka, late: kafka.late.filter((_, other) => other !== index) };
  if (request === undefined) return kafka;
  return request.kind === 'init' ? initProducer(rest) : (commit(rest, request.epoch, now, rules) ?? rest);
}
