import type { Db } from '../query';
import { query } from '../query';
import { HOLDS, holdValues } from './holds';
import type { HeldRelay } from './holds';

/** The generation of this database: every relay's row has it, so that a take-over that waited for the row sees the raised one. */
export const GENERATION = `(select coalesce(max(generation), 0) from outbox.relays)`;

/**
 * A statement's tail: every relay of a generation below `$n` gets it under a new fence and is to be taken over anew, so that nothing goes on
 * under the old one. In order of the relays, as others may do the same.
 */
export const raiseTo = (parameter: string, from: string): string => `
  insert into outbox.relays as r (relay, generation)
  select n.relay, ${parameter}::bigint from ${from} outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
  order by n.relay
  on conflict (relay) do update
    set generation = excluded.generation, fence = r.fence + 1, recovered_on = null, updated_at = clock_timestamp()
    where r.generation < excluded.generation
  returning r.relay`;

/**
 * This database replaces the one that wrote what it forgot: from now on that one halts, also after restarts. Does nothing when the relay is
 * lost: another take-over of it sees the same.
 */
export async function raiseGeneration(db: Db, held: HeldRelay, generation: number): Promise<number> {
  const rows = await query(
    db,
    `with held as (select 1 from outbox.relays where ${HOLDS}) ${raiseTo('$4', 'held cross join')}`,
    [...holdValues(held), generation],
  );
  return rows.length;
}
