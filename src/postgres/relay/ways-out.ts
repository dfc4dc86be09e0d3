import type { Pool, PoolClient } from 'pg';
import type { RelayWay } from '../../domain/relay/ledger-halt';
import { audited } from '../audit';
import { query } from '../query';
import { GENERATION, raiseTo } from './generation';

export interface HaltOrder {
  readonly way: RelayWay;
  /** Null = every halted relay that the way is for. */
  readonly relays: readonly number[] | null;
  readonly by: string;
  readonly why: string;
}

/** Relays whose halts ended, and the generation if it was raised. */
export interface EndedHalts {
  readonly relays: readonly number[];
  readonly generation: number | null;
}

type Choice = (client: PoolClient, order: HaltOrder) => Promise<EndedHalts>;

/**
 * Ends halts in the way that an operator has chosen, with the audit's entry in the same transaction. Workers take the relays over at once, and
 * halt again what still contradicts. Empty where no halted relay is one that this way is for.
 */
export async function endHalts(pool: Pool, order: HaltOrder): Promise<EndedHalts> {
  return audited(pool, async (client) => {
    const before = await haltedRows(client, order.relays);
    const result = await CHOICES[order.way](client, order);
    if (result.relays.length === 0) return { result, entry: null };
    const entry = { actor: order.by, action: `relays.${order.way}`, tenant: null, why: order.why };
    return {
      result,
      entry: { ...entry, before: before.filter(({ relay }) => result.relays.includes(relay)), after: result },
    };
  });
}

async function haltedRows(
  client: PoolClient,
  relays: readonly number[] | null,
): Promise<readonly { readonly relay: number }[]> {
  return query<{ relay: number; halted: unknown; ledger: unknown }>(
    client,
    `select relay::int, halted, jsonb_build_object('offset', ledger_offset, 'kind', ledger_kind, 'seq', ledger_seq, 'fence', ledger_fence) as ledger
     from outbox.relays where ${OF_ORDER} order by relay for update`,
    [relays],
  );
}

const OF_ORDER = `halted is not null and ($1::smallint[] is null or relay = any ($1))`;

const CHOICES: Readonly<Record<RelayWay, Choice>> = {
  async recheck(client, { relays }) {
    const rows = await query<{ relay: number }>(
      client,
      `update outbox.relays set halted = null, updated_at = clock_timestamp() where ${OF_ORDER} returning relay::int`,
      [relays],
    );
    return { relays: numbers(rows), generation: null };
  },

  /** Nothing is remembered any more, so the take-over reads the ledger from its start; a fence of its own, so that no older one goes on. */
  async 'adopt-ledger'(client, { relays, by, why }) {
    const rows = await query<{ relay: number }>(
      client,
      `update outbox.relays
       set halted = null, adopting = jsonb_build_object('by', $2::text, 'why', $3::text, 'at', clock_timestamp()), fence = fence + 1,
           recovered_on = null, ledger_offset = -1, ledger_kind = 'none', ledger_seq = 0, ledger_fence = 0, updated_at = clock_timestamp()
       where ${OF_ORDER} and halted ->> 'reason' not in ('newer_database', 'unreadable') returning relay::int`,
      [relays, by, why],
    );
    return { relays: numbers(rows), generation: null };
  },

  /** It is one database: all its relays get the generation, whichever of them have met the other one so far. */
  async 'adopt-database'(client, { relays }) {
    const rows = await query<{ relay: number; seen: number }>(
      client,
      `with seen as materialized (
         select relay, greatest((halted ->> 'generation')::bigint, ${GENERATION}) as generation from outbox.relays
         where ${OF_ORDER} and halted ->> 'reason' = 'newer_database'
       )
       update outbox.relays r set halted = null, updated_at = clock_timestamp() from seen s where r.relay = s.relay
       returning r.relay::int, s.generation::float8 as seen`,
      [relays],
    );
    if (rows.length === 0) return { relays: [], generation: null };
    const generation = Math.max(...rows.map(({ seen }) => seen)) + 1;
    await query(client, raiseTo('$1', ''), [generation]);
    return { relays: numbers(rows), generation };
  },
};

function numbers(rows: readonly { readonly relay: number }[]): number[] {
  return rows.map(({ relay }) => relay).sort((a, b) => a - b);
}
