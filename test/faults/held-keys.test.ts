import { createPool } from '../../src/postgres/pool';
import type { Acknowledged } from '../../src/audit/acknowledged';
import { heldKeys } from '../../src/postgres/held-keys';
import { releaseKey, retryEvents, skipEvents } from '../../src/postgres/operator-actions';
import type { OperatorResult } from '../../src/postgres/operator-actions';
import type { Draft } from '../../faults/traffic/drafts';
import {
  createTopics,
  enqueueAll,
  expectClean,
  faultRun,
  sharedServers,
  testSeed,
  until,
  workerDiesAt,
} from '../support/fault-run';
import { Random } from '../../faults/traffic/random';
import type { Rig } from '../../faults/harness/rig';

const LIMIT = 20_000;
const COMMITTED = 'relay_committed';
const KEYS = ['a', 'b', 'c', 'd'];

/** Operators at work while drains run, die and are taken over. */
describe('operator actions under running drains', () => {
  const options = { name: 'heldkeys', servers: sharedServers(), tenantCount: 1, traffic: { actors: 0 } };
  let made = 0;
  const draft = (tenant: string, topic: string, key: string, size = 10): Draft => {
    made += 1;
    return {
      tenant,
      topic,
      type: 'made',
      key,
      dedupeKey: `held-${made}`,
      headers: null,
      payload: `{"n":${made},"pad":"${'x'.repeat(size)}"}`,
    };
  };

  /** Enqueues one transaction after another: the audit checks that their events arrive in this order, per key. */
  const enqueueInOrder = async (rig: Rig, drafts: readonly Draft[], order: number): Promise<Acknowledged[]> =>
    (await enqueueAll(rig, drafts)).map((event, index) => ({ ...event, order: order + index }));

  it(
    'retry and skip at any moment: nothing lost, nothing twice, order per key also behind parked events',
    () =>
      faultRun(options, async ({ rig, tenants: [tenant = ''] }) => {
        const topic = `${rig.options.name}-narrow`;
        await createTopics(options.servers.kafkaBrokers, [topic], { [topic]: LIMIT });
        const pool = createPool(rig.direct.databaseUrl, { max: 3 });
        const random = new Random(testSeed());
        const acknowledged: Acknowledged[] = [];
        const skipped = new Set<string>();
        const note = (result: OperatorResult): void => result.changed.forEach((id) => skipped.add(id));
        try {
          let writing = true;
          const operators = (async () => {
            while (writing) {
              const { keys } = await heldKeys(pool, { tenant });
              for (const { key, parkedEventId } of keys) {
                const choice = random.int(0, 3);
                if (choice === 0) await retryEvents(pool, tenant, [parkedEventId]);
                else if (choice === 1) note(await skipEvents(pool, tenant, [parkedEventId], 'test'));
                else if (choice === 2) note(await releaseKey(pool, tenant, key, { action: 'skip', why: 'test' }));
              }
              await new Promise((resolve) => setTimeout(resolve, 20));
            }
          })();
          let round = 0;
          const write = async (rounds: number): Promise<void> => {
            for (const end = round + rounds; round < end; round += 1) {
              const drafts = KEYS.map((key) => draft(tenant, topic, key, made % 13 === 5 ? 2 * LIMIT : 10));
              acknowledged.push(...(await enqueueInOrder(rig, drafts, round * KEYS.length)));
            }
          };
          await Promise.all([workerDiesAt(rig, 'after_park', 1), write(20)]);
          await Promise.all([workerDiesAt(rig, COMMITTED, 2), write(20)]);
          await rig.worker({ env: { OUTBOX_LINGER: '20ms' } });
          await write(20);
          writing = false;
          await operators;
          await until('no key is held', async () => {
            const { keys } = await heldKeys(pool, { tenant });
            for (const { key } of keys) note(await releaseKey(pool, tenant, key, { action: 'skip', why: 'the end' }));
            const [row] = (
              await pool.query<{ left: number }>(
                `select count(*)::int as left from outbox.events where status in ('pending', 'failed')`,
              )
            ).rows;
            return row?.left === 0;
          });
          const report = await rig.settleAndAudit(acknowledged, {
            fired: ['after_park', COMMITTED],
            minEvents: acknowledged.length,
          });
          expectClean(report);
          const balance = report.balances?.find((one) => one.tenant === tenant);
          expect(balance).toMatchObject({ pending: 0, failed: 0, skipped: skipped.size });
          expect(report.seen).toBe(acknowledged.length - skipped.size);
        } finally {
          await pool.end();
        }
      }),
    180_000,
  );

  it(
    'what a dead worker has sent is refused until it is settled',
    () =>
      faultRun(options, async ({ rig, tenants: [tenant = ''], topics: [topic = ''] }) => {
        const pool = createPool(rig.direct.databaseUrl, { max: 1 });
        try {
          const events = await enqueueAll(
            rig,
            KEYS.map((key) => draft(tenant, topic, key)),
          );
          const ids = events.map(({ id }) => id ?? '');
          await workerDiesAt(rig, COMMITTED, 1);
          const refused = ids.map((eventId) => ({ eventId, code: 'in_flight' }));
          expect(await skipEvents(pool, tenant, ids, 'test')).toEqual({ changed: [], before: [], refused, wake: [] });
          expect(await retryEvents(pool, tenant, ids)).toMatchObject({ changed: [], refused });
          await rig.worker();
          const report = await rig.settleAndAudit(events, { fired: [COMMITTED], minEvents: events.length });
          expectClean(report);
          expect((await skipEvents(pool, tenant, ids, 'test')).refused.map(({ code }) => code)).toEqual(
            ids.map(() => 'already_published'),
          );
        } finally {
          await pool.end();
        }
      }),
    180_000,
  );
});
