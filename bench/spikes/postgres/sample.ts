import type { Client } from 'pg';
import { explainPrepared } from './explain';
import type { LookingRelay } from './load';
import { ATTACH_ALL, ATTACH_ALL_FROM, ATTACHED, CLAIM, HOT, LOOKS, SMALL, SWEEP, tenantName, XMIN_LOOK } from './table';

const ATTACHED_NAMES = Array.from({ length: ATTACHED }, (_, number) => tenantName(number));

export function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms (n=${sorted.length})`;
}

interface Question {
  readonly name: string;
  readonly text: string;
  readonly values: () => unknown[];
  readonly times: number;
}

/** What each query costs now, beside the load, by the clock of the caller, and what one of them read. */
export async function sample(
  client: Client,
  relay: LookingRelay,
  when: string,
  say: (line: string) => void,
): Promise<void> {
  say(`--- ${when}`);
  const { looks, settles, lists } = relay.take();
  say(`relay's looks ${quantiles(looks)}; settles ${quantiles(settles)}`);
  const mean = lists.reduce((sum, one) => sum + one, 0) / Math.max(1, lists.length);
  say(`transactions in progress in a look's snapshot: mean ${mean.toFixed(1)}, most ${Math.max(0, ...lists)}`);
  const since = (): unknown[] => [relay.horizon.xmax, relay.horizon.inProgress];
  const questions: Question[] = [
    { name: 'look, all', text: LOOKS['all, filtered by the caller'], values: since, times: 200 },
    {
      name: 'look, attached by an array',
      text: LOOKS['attached by an array of 1,000'],
      values: () => [...since(), ATTACHED_NAMES],
      times: 12,
    },
    { name: 'look, attached by a join', text: LOOKS['attached by a join'], values: () => [...since(), 1], times: 200 },
    { name: 'look with xmin', text: XMIN_LOOK, values: () => [relay.horizon.xmin], times: 12 },
    { name: 'claim hot, no cursor', text: CLAIM, values: () => [HOT, 0], times: 12 },
    { name: 'claim hot, cursor', text: CLAIM, values: () => [HOT, relay.cursors.get(HOT) ?? '0'], times: 100 },
    { name: 'claim small, no cursor', text: CLAIM, values: () => [SMALL, 0], times: 100 },
    { name: 'scan of 1,000 attached', text: ATTACH_ALL, values: () => [], times: 3 },
    {
      name: 'scan of 1,000, cursors',
      text: ATTACH_ALL_FROM,
      values: () => [ATTACHED_NAMES, ATTACHED_NAMES.map((name) => relay.cursors.get(name) ?? '0')],
      times: 12,
    },
    { name: 'sweep', text: SWEEP, values: () => [], times: 3 },
  ];
  for (const { name, text, values, times } of questions) {
    const took: number[] = [];
    let rows = 0;
    for (let time = 0; time < times; time += 1) {
      const began = performance.now();
      rows = (await client.query({ name, text, values: values() })).rows.length;
      took.push(performance.now() - began);
    }
    say(`${name.padEnd(27)} ${quantiles(took)}, ${rows} rows, ${await explainPrepared(client, name, values())}`);
  }
  say(await sizes(client));
}

export async function sizes(client: Client): Promise<string> {
  await client.query('select pg_stat_clear_snapshot()');
  const { rows } = await client.query<Record<string, string>>(`
    select n_live_tup live, n_dead_tup dead, autovacuum_count vacuums, round(total_autovacuum_time) vacuum_ms,
           pg_size_pretty(pg_relation_size('spike.events')) heap,
           pg_size_pretty(pg_relation_size('spike.events_pending')) pending,
           pg_size_pretty(pg_relation_size('spike.events_xid')) xid
    from pg_stat_user_tables where relid = 'spike.events'::regclass`);
  return Object.entries(rows[0] ?? {})
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
}

/** VACUUM's own words about what it could not remove. */
export async function vacuum(client: Client, say: (line: string) => void): Promise<void> {
  const told: string[] = [];
  const listen = ({ message = '' }: { message?: string }): void => void told.push(message);
  client.on('notice', listen);
  const began = performance.now();
  await client.query('vacuum (verbose, index_cleanup on) spike.events');
  client.off('notice', listen);
  const lines = told.join('\n').split('\n');
  for (const line of lines.filter((one) => /tuples: |removable cutoff|index "events_(pending|xid)"/.test(one))) {
    say(`  vacuum: ${line.trim()}`);
  }
  say(`  vacuum took ${Math.round(performance.now() - began)} ms`);
}
