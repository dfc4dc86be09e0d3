import type { CliRig } from './rig';
import { startCliRig } from './rig';

let cli: CliRig;
let tenant = '';
let ids: string[] = [];

beforeAll(async () => {
  cli = await startCliRig('clireplay');
  tenant = `${cli.rig.options.name}-t`;
  await cli.json('tenant', 'create', tenant);
  ids = await cli.enqueue(tenant, 30);
  await cli.untilStatus(tenant, 'published', 30);
}, 120_000);
afterAll(() => cli?.close());

test('plan, start with the expected count only, wait with progress, and no second effect', async () => {
  const plan = await cli.json('replay', 'plan', tenant, '--topic', cli.topic, '--after', '1h');
  expect(plan).toMatchObject({ tenant_id: tenant, count: 30 });
  const id = String(plan['plan_id']);
  const said = await cli.run('replay', 'plan', tenant, '--ids', String(ids[0]), String(ids[1]));
  expect(said.out).toMatch(/^count +2$/m);
  expect(said.err).toMatch(/outboxctl replay start [\w-]+ --expect 2 --why/);

  expect((await cli.run('replay', 'start', id, '--expect', '29', '--why', 'x')).code).toBe(1);
  const start = ['replay', 'start', id, '--expect', '30', '--why', 'a consumer lost a day', '--wait'];
  const done = await cli.run(...start, '--json');
  expect([done.code, JSON.parse(done.out)]).toMatchObject([
    0,
    { tenant_id: tenant, state: 'done', total: 30, published: 30, failed: 0 },
  ]);
  expect(done.err).toContain('30 of 30 published (100%)');
  expect((await cli.json(...start))['started_at']).toBe(
    (JSON.parse(done.out) as Record<string, unknown>)['started_at'],
  );
  expect((await cli.json('replay', 'ls', '--tenant', tenant))['replays']).toHaveLength(1);
});

test('pause, resume and cancel', async () => {
  const plan = await cli.json('replay', 'plan', tenant, '--type', 'order.created');
  const options = ['--expect', '30', '--replay-id', 'slow', '--rate', '1', '--why', 'test'];
  expect(await cli.json('replay', 'start', String(plan['plan_id']), ...options)).toMatchObject({ state: 'running' });
  expect((await cli.run('replay', 'pause', tenant, 'slow', '--why', 'x')).out).toBe(
    `paused replay slow of ${tenant}\n`,
  );
  expect(await cli.json('replay', 'status', tenant, 'slow')).toMatchObject({ state: 'paused' });
  await cli.json('replay', 'resume', tenant, 'slow', '--why', 'x');
  await cli.json('replay', 'cancel', tenant, 'slow', '--why', 'x');
  const waited = await cli.run('replay', 'status', tenant, 'slow', '--wait');
  expect([waited.code, waited.err]).toEqual([1, expect.stringContaining('was cancelled')]);
  expect((await cli.run('replay', 'status', tenant, 'never')).code).toBe(1);
});

test('events by id at once: what is not there is named, and makes the exit code 1', async () => {
  const all = await cli.json('replay', 'ids', String(ids[0]), String(ids[1]), '--tenant', tenant, '--why', 'x');
  expect(all).toMatchObject({ replayed: 2, not_found: [] });
  const some = await cli.run('replay', 'ids', String(ids[2]), '999999999', '--tenant', tenant);
  expect(some).toMatchObject({ code: 1, err: 'not found: event 999999999\n' });
  expect(some.out).toMatch(/^replayed 1 events as /);
  const latest = await cli.json('replay', 'tenant', tenant, '--status', 'published', '--limit', '5');
  expect(latest).toMatchObject({ tenant_id: tenant, replayed: 5 });
});
