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
  const cancel = ['replay', 'cancel', tenant, 'slow', '--why', 'x'];
  const dry = await cli.run(...cancel);
  expect([dry.code, dry.out]).toEqual([
    0,
    expect.stringMatching(/^would cancel replay slow of \S+ \(\d+ of 30 published, \d+ would not be\)\n$/),
  ]);
  expect(await cli.json('replay', 'status', tenant, 'slow')).toMatchObject({ state: 'running' });
  await cli.json(...cancel, '--yes');
  expect((await cli.run(...cancel)).out).toBe(`would cancel nothing: replay slow of ${tenant} is cancelled\n`);
  const waited = await cli.run('replay', 'status', tenant, 'slow', '--wait');
  expect([waited.code, waited.err]).toEqual([1, expect.stringContaining('was cancelled')]);
  expect((await cli.run('replay', 'status', tenant, 'never')).code).toBe(1);
});

test('events by id at once, only with --yes: what is not there is named, and makes the exit code 1', async () => {
  const replays = async (): Promise<unknown[]> =>
    (await cli.json('replay', 'ls', '--tenant', tenant))['replays'] as unknown[];
  const before = (await replays()).length;
  const two = ['replay', 'ids', String(ids[0]), String(ids[1]), '--why', 'x'];
  const dry = await cli.run(...two, '--tenant', tenant);
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining(`would publish 2 events of ${tenant} again\n`)]);
  expect(dry.out).toMatch(new RegExp(`^${String(ids[0])} +published `, 'm'));
  expect(await cli.json(...two)).toMatchObject({ dry_run: true, event_ids: ids.slice(0, 2) });
  const oldest = await cli.json('replay', 'tenant', tenant, '--status', 'published', '--limit', '5', '--why', 'x');
  expect(oldest).toMatchObject({ dry_run: true, events: [{}, {}, {}, {}, {}] });
  expect(await replays()).toHaveLength(before);

  const all = await cli.json(...two, '--tenant', tenant, '--yes');
  expect(all).toMatchObject({ replayed: 2, not_found: [] });
  const some = await cli.run(
    ...['replay', 'ids', String(ids[2]), '999999999', '--tenant', tenant, '--why', 'x', '--yes'],
  );
  expect(some).toMatchObject({ code: 1, err: 'not found: event 999999999\n' });
  expect(some.out).toMatch(/^replayed 1 events as /);
  const latest = await cli.json(
    ...['replay', 'tenant', tenant, '--status', 'published', '--limit', '5', '--why', 'x', '--yes'],
  );
  expect(latest).toMatchObject({ tenant_id: tenant, replayed: 5 });
});
