import type { Pool } from 'pg';
import { insertMany } from '../postgres/enqueue';
import type { Enqueued, NewEvent } from '../postgres/enqueue';
import { getEvent } from '../postgres/events';
import { createKey, findKeys } from '../postgres/keys';
import { withTransaction } from '../postgres/pool';
import { createTenant, getTenant } from '../postgres/tenants';
import { countPending, takeIngestTokens } from '../postgres/ingest-limits';
import type { EventStore, IngestMeter, Inserted, TenantStore } from './ports';

/** Ends a transaction whose outcome must not be kept. */
class NothingStored extends Error {
  constructor(readonly results: readonly Inserted[]) {
    super('A row of the batch cannot be stored, so none is.');
  }
}

/** The API's ports over Postgres. Give it a pool whose time-outs are shorter than a caller's patience (about 10 s). */
export function postgresStores(pool: Pool): {
  readonly events: EventStore;
  readonly tenants: TenantStore;
  readonly meter: IngestMeter;
} {
  return {
    events: {
      insert: (events, mode) => (mode === 'each' ? insertEach(pool, events) : insertAll(pool, events)),
      find: (tenant, id) => getEvent(pool, tenant, id),
    },
    meter: {
      takeTokens: (tenant, limits, take) => takeIngestTokens(pool, tenant, limits, take),
      countPending: (tenant, cap) => countPending(pool, tenant, cap),
    },
    tenants: {
      createTenant: (name) => createTenant(pool, name),
      findKeys: (keyId) => findKeys(pool, keyId),
      createKey: async (tenant, options) =>
        (await getTenant(pool, tenant)) === null ? null : createKey(pool, tenant, options),
    },
  };
}

async function insertEach(pool: Pool, events: readonly NewEvent[]): Promise<readonly Inserted[]> {
  return (await insertMany(pool, events)).map(toInserted);
}

/** Not `allOrNothing` of the SQL function: that stops at the first bad row, and the caller should learn of all of them. */
async function insertAll(pool: Pool, events: readonly NewEvent[]): Promise<readonly Inserted[]> {
  try {
    return await withTransaction(pool, async (client) => {
      const results = (await insertMany(client, events)).map(toInserted);
      if (results.some((result) => result.conflict || result.refused !== null)) throw new NothingStored(results);
      return results;
    });
  } catch (error) {
    if (error instanceof NothingStored) return error.results;
    throw error;
  }
}

function toInserted(row: Enqueued): Inserted {
  const refused = row.code === 'OB002' || row.code === 'OB003';
  return {
    id: row.id,
    duplicate: row.duplicate,
    conflict: row.conflict,
    refused: refused && row.code !== null ? { code: row.code as 'OB002' | 'OB003', reason: row.reason ?? '' } : null,
  };
}
