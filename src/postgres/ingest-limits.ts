import type { Db } from './query';
import { query } from './query';

/** What a tenant may send over HTTP; null = no limit. Kept in the tenant's settings, the rest is the deployment's default. */
export interface IngestLimits {
  /** Accepted events per second; 0 = none. */
  readonly ratePerSecond: number | null;
  /** Most events at once. */
  readonly burst: number;
  /** Pending events above which nothing more is accepted. */
  readonly maxPending: number | null;
}

/** Sets the named fields and keeps the others; null takes all of them back. Answers what is set then, null if unknown. */
export async function setIngestLimits(
  db: Db,
  tenant: string,
  limits: Partial<IngestLimits> | null,
): Promise<Partial<IngestLimits> | null> {
  const rows = await query<{ ingest: Partial<IngestLimits> | null }>(
    db,
    `update outbox.tenants
     set settings = case when $2::jsonb is null then settings - 'ingest'
       else jsonb_set(settings, '{ingest}', coalesce(settings -> 'ingest', '{}') || $2::jsonb) end
     where tenant_id = $1 returning coalesce(settings -> 'ingest', '{}') as ingest`,
    [tenant, limits === null ? null : JSON.stringify(limits)],
  );
  return rows[0]?.ingest ?? null;
}

const REFILLED = `least($3::float8, b.tokens + greatest(0, extract(epoch from clock_timestamp() - b.at))::float8 * $2::float8)`;
const GRANTED = `case when ${REFILLED} >= $4::float8 then greatest($5::float8, least($6::float8, floor(${REFILLED}))) else 0 end`;

/** Takes nothing unless the bucket holds `least`; then `need` (a batch larger than the burst makes a debt), up to `wanted`. */
export interface TokenTake {
  readonly least: number;
  readonly need: number;
  readonly wanted: number;
}

/** Takes tokens of the bucket that all API processes share, in one statement. Answers what was granted and what is left. */
export async function takeIngestTokens(
  db: Db,
  tenant: string,
  limits: { readonly ratePerSecond: number; readonly burst: number },
  take: TokenTake,
): Promise<{ granted: number; tokens: number }> {
  const rows = await query<{ granted: number; tokens: number }>(
    db,
    `insert into outbox.ingest_buckets as b (tenant_id, tokens, granted)
     select $1, $3::float8 - g.n, g.n
     from (select case when $3::float8 >= $4::float8 then greatest($5::float8, least($6::float8, $3)) else 0 end as n) g
     where $2::float8 >= 0
     on conflict (tenant_id) do update set tokens = ${REFILLED} - ${GRANTED}, granted = ${GRANTED}, at = clock_timestamp()
     returning granted, tokens`,
    [tenant, limits.ratePerSecond, limits.burst, take.least, take.need, take.wanted],
  );
  return rows[0] ?? { granted: 0, tokens: 0 };
}

/** Pending events of a tenant, counted over the pending index up to `cap`. */
export async function countPending(db: Db, tenant: string, cap: number): Promise<number> {
  const rows = await query<{ n: number }>(
    db,
    `select count(*)::int as n from (
       select from outbox.events where tenant_id = $1 and status = 'pending' limit $2) e`,
    [tenant, cap],
  );
  return rows[0]?.n ?? 0;
}
