import type { PublisherRef } from '../domain/publisher';
import type { OpenBreaker } from '../domain/breaker';
import type { PublisherSave, SavedPublisher } from '../domain/publisher-settings';
import { readPublisher, refValues } from './publishers';
import type { Db } from './query';
import { query } from './query';

/** What operators set, as the row remembers it; empty before the first drain. */
export async function loadSaved(db: Db, ref: PublisherRef): Promise<SavedPublisher> {
  const row = await readPublisher(db, ref);
  return {
    limits: (row?.limits ?? {}) as SavedPublisher['limits'],
    paused: (row?.paused ?? null) as SavedPublisher['paused'],
    breaker: (row?.breaker ?? null) as OpenBreaker | null,
  };
}

/**
 * Writes what operators set, and why the publisher waits unless `why` is null, in one statement. Of a deleted tenant nothing is
 * written: a workflow that is just being terminated would hand its limits down to a later tenant of the same name. The lock makes
 * this wait for a deletion under way, instead of seeing the tenant that it is about to remove.
 */
export async function savePublisherState(db: Db, ref: PublisherRef, save: PublisherSave): Promise<void> {
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
  await query(
    db,
    `insert into outbox.publishers as p (tenant_id, destination, shard, state, state_until, paused, limits, breaker)
     select t.tenant_id, $2::text, $3::smallint, coalesce($4::text, 'sleeping'), to_timestamp($5::float8 / 1000), $6::jsonb,
            $7::jsonb, $8::jsonb
     from outbox.tenants t where t.tenant_id = $1 for key share
     on conflict (tenant_id, destination, shard) do update
       set state = case when $4::text is null then p.state else excluded.state end,
           state_until = case when $4::text is null then p.state_until else excluded.state_until end, paused = excluded.paused,
           limits = excluded.limits, breaker = excluded.breaker,
           -- An order acts through the row: the relay that has the publisher gives it back at once.
           detach_asked = p.owner_relay is not null, updated_at = clock_timestamp()`,
    [...refValues(ref), save.why, save.until, json(save.paused), json(save.limits), json(save.breaker)],
  );
}
