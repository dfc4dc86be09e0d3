import type { PublisherRef } from '../../src/domain/publisher';
import type { PublisherRowState } from '../../src/postgres/publishers';
import type { Db } from '../../src/postgres/query';

/** Writes what a publisher's row says, whatever it was. `until`: ms since epoch. */
export async function setPublisherState(
  db: Db,
  { tenant, destination, shard }: PublisherRef,
  state: PublisherRowState,
  until: number | null,
): Promise<void> {
  await db.query(
    `insert into outbox.publishers (tenant_id, destination, shard, state, state_until)
     values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))
     on conflict (tenant_id, destination, shard) do update set state = excluded.state, state_until = excluded.state_until`,
    [tenant, destination, shard, state, until],
  );
}
