import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { pauseAll, resumeAll } from '../../../src/postgres/global-pause';
import { createPool } from '../../../src/postgres/pool';
import { sharedServers } from '../../support/fault-run';

/** What operators set and what a breaker knows, over lost workflows, on a real Temporal server. */
describe('control of publishers', () => {
  let rig: Rig;
  let connection: Connection;
  let client: Client;
  let tenants: string[];

  beforeAll(async () => {
    rig = await Rig.start({ name: 'control', servers: sharedServers() });
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    tenants = await rig.tenants(5);
    // Topics are made on the way, but for tenants whose topic has a name that Kafka refuses to have.
    await rig.worker({ env: { OUTBOX_BREAKER_RESET: '1h', OUTBOX_LINGER: '50ms', OUTBOX_TOPIC_ALLOW: 'control-.*' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const handleOf = (tenant: string): WorkflowHandle => client.workflow.getHandle(`publisher:${tenant}`);
  const stateOf = (tenant: string): Promise<PublisherState> => handleOf(tenant).query<PublisherState>('state');
  const enqueue = (tenant: string, topic: string, count = 1): Promise<unknown> =>
    rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb) from generate_series(1, $3)`,
      [tenant, topic, count],
    );
  const start = (tenant: string): Promise<unknown> =>
    client.workflow.signalWithStart('publisher', {
      workflowId: `publisher:${tenant}`,
      taskQueue: `queue-${rig.options.name}`,
      args: [{ publisher: { tenant, destination: 'kafka', shard: 0 } }],
      signal: 'wake',
      signalArgs: [{}],
    });
  async function until<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const value = await look().catch(() => undefined);
      if (value !== undefined && good(value)) return value;
      if (Date.now() > deadline) throw new Error(`not in time; last seen: ${JSON.stringify(value)}`);
      await delay(50);
    }
  }
  const rowOf = async (tenant: string) =>
    (
      await rig.installation.query<{ state: string; limits: object; breaker: object | null; published: number }>(
        `select p.state, p.limits, p.breaker, (select count(*)::int from outbox.events e
           where e.tenant_id = p.tenant_id and e.status = 'published') as published
         from outbox.publishers p where tenant_id = $1`,
        [tenant],
      )
    )[0];

  it('a breaker that opened comes back as open after its workflow was lost, with the same probe to come', async () => {
    const [tenant = ''] = tenants;
    await enqueue(tenant, 'not-allowed');
    const open = await until(
      () => stateOf(tenant),
      (state) => state.breaker.state === 'open',
    );
    expect(open.breaker.transitions).toMatchObject([{ from: 'closed', to: 'open' }]);
    const row = await until(
      () => rowOf(tenant),
      (found) => found?.state === 'open' && found.breaker !== null,
    );
    expect(row?.breaker).toMatchObject({ failures: 3, nextProbeAt: open.breaker.nextProbeAt });
    await handleOf(tenant).terminate();
    await start(tenant);
    const back = await until(
      () => stateOf(tenant),
      (state) => state.breaker.state === 'open',
    );
    expect(back.breaker).toMatchObject({ failures: 3, nextProbeAt: open.breaker.nextProbeAt, manual: false });
    expect(back.counters.drains).toBe(0);
    expect(back.breaker.transitions).toEqual(open.breaker.transitions);
    // Reset by an operator, it forgets, also in the row; without the event nothing opens it again.
    await rig.installation.query(`update outbox.events set status = 'skipped' where tenant_id = $1`, [tenant]);
    await handleOf(tenant).executeUpdate('resetBreaker', { args: [{ by: 'test' }] });
    await until(
      () => stateOf(tenant),
      (state) => state.breaker.transitions.some(({ from, to }) => from === 'open' && to === 'closed'),
    );
    await until(
      () => rowOf(tenant),
      (found) => found?.breaker === null,
    );
  });

  it('an order that starts a lost workflow acts on what its row remembers, and one without sense is refused', async () => {
    const tenant = tenants[4] ?? '';
    await enqueue(tenant, `control-${tenant}`);
    await until(
      () => rowOf(tenant),
      (row) => row?.published === 1,
    );
    const unhalt = (choice: string): Promise<unknown> =>
      handleOf(tenant).executeUpdate('unhalt', { args: [{ choice, by: 'test', why: 'whatever it was' }] });
    expect(await unhalt('recheck')).toMatchObject({ halted: null, drain: { woken: true } });
    // What Postgres and Kafka contradict each other about is a relay's.
    await expect(unhalt('adopt')).rejects.toMatchObject({ name: 'WorkflowUpdateFailedError' });
    await handleOf(tenant).executeUpdate('pause', { args: [{ by: 'test', why: 'x' }] });
    await until(
      () => rowOf(tenant),
      (row) => row?.state === 'paused',
    );
    await handleOf(tenant).terminate();
    await client.workflow.signalWithStart('publisher', {
      workflowId: `publisher:${tenant}`,
      taskQueue: `queue-${rig.options.name}`,
      args: [{ publisher: { tenant, destination: 'kafka', shard: 0 } }],
      signal: 'resume',
      signalArgs: [{ by: 'test' }],
    });
    await until(
      () => stateOf(tenant),
      (state) => state.paused === null && !state.drain.woken,
    );
  });

  it('limits in events and bytes, weight and breaker are in the row and come back from it', async () => {
    const tenant = tenants[1] ?? '';
    await enqueue(tenant, `control-${tenant}`);
    await until(
      () => rowOf(tenant),
      (row) => row?.published === 1,
    );
    // Slow enough that also drains on a busy machine, each a second or two, run out of bytes and wait.
    const quota = { ratePerSecond: 50, burst: 60, bytesPerSecond: 1_000, byteBurst: 5_000 };
    const breaker = { failureThreshold: 5, resetInterval: 2 };
    await handleOf(tenant).executeUpdate('configure', { args: [{ by: 'test', quota, breaker, weight: 3 }] });
    const limits = { quota, breaker: { threshold: 5, resetMs: 2_000 }, weight: 3 };
    await until(
      () => rowOf(tenant),
      (row) => row?.state === 'sleeping' && JSON.stringify(row.limits).includes('bytesPerSecond'),
    );
    expect((await rowOf(tenant))?.limits).toEqual(limits);
    // The new limits wake it once more. A drain of the lost workflow that still lingers would publish what comes, under its old grant.
    await until(
      () => stateOf(tenant),
      ({ counters }) => counters.drains >= 2,
    );
    await until(
      async () => (await handleOf(tenant).describe()).raw.pendingActivities?.length ?? 0,
      (drains) => drains === 0,
    );
    await handleOf(tenant).terminate();
    await enqueue(tenant, `control-${tenant}`, 30);
    const back = await until(
      () => stateOf(tenant),
      (state) => state.usage.denials > 0,
    );
    expect(back).toMatchObject({ overrides: limits, config: { weight: 3 } });
    await until(
      () => rowOf(tenant),
      (row) => row?.published === 31,
    );
    const state = await until(
      () => stateOf(tenant),
      (found) => found.usage.throttledSince === null,
    );
    expect(state.usage.events + state.usage.lastEvents).toBe(30);
  });

  it('the pause of everything stops all, without a signal to any, and ends by itself at its time', async () => {
    const [, , third = '', fourth = ''] = tenants;
    const pool = createPool(rig.direct.databaseUrl, { max: 2 });
    try {
      await enqueue(third, `control-${third}`);
      await until(
        () => rowOf(third),
        (row) => row?.published === 1,
      );
      await pauseAll(pool, { by: 'test', why: 'maintenance' });
      await enqueue(third, `control-${third}`);
      await enqueue(fourth, `control-${fourth}`);
      await start(third);
      await until(
        () => stateOf(third),
        (state) => state.drain.allPaused,
      );
      const { wakes } = (await stateOf(third)).counters;
      await delay(2_000);
      expect((await rowOf(third))?.published).toBe(1);
      expect((await stateOf(third)).counters.wakes).toBe(wakes);
      await expect(stateOf(fourth)).rejects.toThrow();
      await pauseAll(pool, { by: 'test', why: 'soon over', until: Date.now() + 1_000 });
      for (const [tenant, count] of [
        [third, 2],
        [fourth, 1],
      ] as const) {
        await until(
          () => rowOf(tenant),
          (row) => row?.published === count,
        );
      }
      // A drain on a relay says so when it ends.
      await until(
        () => stateOf(third),
        (state) => !state.drain.allPaused,
      );
    } finally {
      await resumeAll(pool);
      await pool.end();
    }
  });

  it('a pause with an end is over at its time by itself, also if its workflow is lost: the sweep finds it', async () => {
    const tenant = (await rig.tenants(6))[5] ?? '';
    const publishes = async (count: number): Promise<void> => {
      await until(
        () => rowOf(tenant),
        (row) => row?.published === count,
      );
      await until(
        () => stateOf(tenant),
        (state) => state.paused === null && !state.drain.woken,
      );
    };
    const pauseUntil = (end: number): Promise<unknown> =>
      handleOf(tenant).executeUpdate('pause', { args: [{ by: 'test', why: 'maintenance', until: end }] });
    await enqueue(tenant, `control-${tenant}`);
    await publishes(1);
    await pauseUntil(Date.now() + 1_500);
    await enqueue(tenant, `control-${tenant}`);
    await publishes(2);

    const end = Date.now() + 3_600_000;
    await pauseUntil(end);
    await until(
      () =>
        rig.installation.query<{ state: string; until: number }>(
          `select state, round(extract(epoch from state_until) * 1000)::float8 as until from outbox.publishers
           where tenant_id = $1`,
          [tenant],
        ),
      ([row]) => row?.state === 'paused' && row.until === end,
    );
    await enqueue(tenant, `control-${tenant}`);
    await handleOf(tenant).terminate();
    // The hour passes, and the time that the sweep leaves a workflow to act by itself.
    await rig.installation.query(
      `update outbox.publishers set state_until = clock_timestamp() - interval '1 minute',
         paused = jsonb_set(paused, '{until}', to_jsonb(floor(extract(epoch from clock_timestamp()) * 1000)))
       where tenant_id = $1`,
      [tenant],
    );
    await publishes(3);
  });

  it('a row that Postgres refuses to store does not keep the publisher from publishing', async () => {
    const tenant = (await rig.tenants(7))[6] ?? '';
    await enqueue(tenant, `control-${tenant}`);
    await until(
      () => rowOf(tenant),
      (row) => row?.published === 1,
    );
    const constraint = `refuses check (tenant_id <> '${tenant}' or paused is null)`;
    await rig.installation.query(`alter table outbox.publishers add constraint ${constraint} not valid`);
    try {
      const paused = { by: 'test', why: 'maintenance' };
      await handleOf(tenant).executeUpdate('pause', { args: [paused] });
      await enqueue(tenant, `control-${tenant}`);
      await handleOf(tenant).executeUpdate('resume', { args: [{ by: 'test' }] });
      await until(
        () => rowOf(tenant),
        (row) => row?.published === 2,
      );
    } finally {
      await rig.installation.query('alter table outbox.publishers drop constraint refuses');
    }
  });

  it('a pause reaches a running drain before its next batch', async () => {
    const tenant = tenants[3] ?? '';
    await enqueue(tenant, `control-${tenant}`, 20_000);
    await until(
      () => rowOf(tenant),
      (row) => (row?.published ?? 0) > 200,
    );
    await handleOf(tenant).executeUpdate('pause', { args: [{ by: 'test', why: 'stop' }] });
    await until(
      () => rowOf(tenant),
      (row) => row?.state === 'paused',
    );
    const stopped = (await rowOf(tenant))?.published ?? 0;
    expect(stopped).toBeLessThan(20_001);
    await delay(1_000);
    expect((await rowOf(tenant))?.published).toBe(stopped);
    await handleOf(tenant).signal('resume', { by: 'test' });
    await until(
      () => rowOf(tenant),
      (row) => row?.published === 20_001,
    );
  });
});
