import { until } from '../../faults/harness/waiting';
import { contents } from './kafka';
import type { RelayRig } from './relay-rig';

/** What is pending, as tenant/topic/count. */
export async function waiting(rig: RelayRig): Promise<string> {
  const { rows } = await rig.db.pool.query<{ of: string }>(
    `select tenant_id || '/' || topic || '/' || count(*) as of from outbox.events where status = 'pending' group by tenant_id, topic`,
  );
  return rows
    .map(({ of }) => of)
    .sort()
    .join(' ');
}

export async function allPublished(rig: RelayRig, ...tenants: string[]): Promise<void> {
  await until(`everything of ${tenants.join(' and ')} published`, async () => {
    const { rows } = await rig.db.pool.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where tenant_id = any ($1) and status <> 'published'`,
      [tenants],
    );
    return rows[0]?.n === 0;
  });
}

/** As many as were stored, each once, those of a key in the order in which they were stored. */
export async function expectOnceInOrder(
  rig: RelayRig,
  brokers: string[],
  topics: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [topic, count] of Object.entries(topics)) {
    const { committed } = await contents(brokers, topic, 20_000);
    const ids = committed.map(({ headers }) => String(headers['event-id']));
    expect([topic, ids.length, new Set(ids).size]).toEqual([topic, count, count]);
    const last = new Map<string, number>();
    for (const { key, headers } of committed) {
      const id = Number(headers['event-id']);
      expect(id).toBeGreaterThan(last.get(String(key)) ?? 0);
      last.set(String(key), id);
    }
  }
  const { rows } = await rig.db.pool.query<{ status: string }>('select distinct status from outbox.events');
  expect(rows).toEqual([{ status: 'published' }]);
}
