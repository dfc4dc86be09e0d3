import { OutboxError } from '../../domain/errors';
import type { Db } from '../query';
import { query } from '../query';

/** The key that seals the ledger's records, and N, how many relays there are. */
export async function readLedgerKey(db: Db): Promise<{ readonly key: Buffer; readonly relays: number }> {
  const [row] = await query<{ key: string; relays: number }>(
    db,
    `select encode(ledger_key, 'hex') as key, relays::int from outbox.installation`,
  );
  if (row === undefined) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      'outbox.installation is empty. Restore its row from a backup of this database.',
    );
  }
  return { key: Buffer.from(row.key, 'hex'), relays: row.relays };
}

/** Remembers which topic is the ledger, unless one is remembered already; `anew`: whatever is. Answers the one that is remembered then. */
export async function rememberLedger(db: Db, id: string, anew = false): Promise<string> {
  const [row] = await query<{ id: string }>(
    db,
    `with remembered as (
       update outbox.installation set ledger_id = $1 where ledger_id is null or ($2 and ledger_id <> $1) returning ledger_id
     )
     select coalesce((select ledger_id from remembered), (select ledger_id from outbox.installation), $1) as id`,
    [id, anew],
  );
  return row?.id ?? id;
}
