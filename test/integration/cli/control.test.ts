import type { CliRig } from './rig';
import { startCliRig } from './rig';

let cli: CliRig;
let tenant = '';

beforeAll(async () => {
  cli = await startCliRig('clictl');
  tenant = `${cli.rig.options.name}-t`;
  await cli.json('tenant', 'create', tenant);
}, 120_000);
afterAll(() => cli?.close());

test('breaker: show, open, configure, reset', async () => {
  expect(await cli.json('breaker', 'show', tenant)).toMatchObject({ tenant_id: tenant, state: 'closed' });
  await cli.json('breaker', 'open', tenant, '--why', 'topic is being moved');
  expect((await cli.run('breaker', 'show', tenant)).out).toMatch(/^state +open$/m);
  await cli.enqueue(tenant, 1);
  const configured = await cli.json(
    ...['breaker', 'configure', tenant, '--threshold', '7', '--reset-interval', '90s', '--why', 'flaky network'],
  );
  expect(configured).toMatchObject({ failure_threshold: 7, reset_interval: 90, state: 'open' });
  const none = ['--threshold', 'none', '--reset-interval', 'none'];
  expect(await cli.json('breaker', 'configure', tenant, ...none, '--why', 'mended')).toMatchObject({
    failure_threshold: 3,
    reset_interval: 1,
  });
  expect((await cli.run('check', '--tenant', tenant, '--max-pending', '0')).code).toBe(3);
  expect((await cli.run('breaker', 'reset', tenant, '--why', 'moved')).out).toBe(`closed the breaker of ${tenant}\n`);
  await cli.untilStatus(tenant, 'published', 1);
  const { entries } = await cli.json('changes', '--tenant', tenant, '--action', 'circuit.open');
  expect(entries).toEqual([expect.objectContaining({ why: 'topic is being moved' })]);
});

test('quota: set, show, ls', async () => {
  const set = await cli.run('quota', 'set', tenant, '--rate', '500', '--burst', '1000', '--why', 'contract');
  expect(set).toMatchObject({ code: 0, out: expect.stringMatching(/^new +\{.*"rate_per_second":500/m) });
  expect(await cli.json('quota', 'show', tenant)).toMatchObject({ rate_per_second: 500, burst: 1_000 });
  expect((await cli.json('quota', 'ls', '--filter', tenant))['quotas']).toEqual([
    expect.objectContaining({ tenant_id: tenant, rate_per_second: 500 }),
  ]);
  await cli.json('quota', 'set', tenant, '--rate', 'none', '--why', 'contract ended');
  expect(await cli.json('quota', 'show', tenant)).toMatchObject({ rate_per_second: null });
});

test('pause and resume a tenant', async () => {
  await cli.json('pause', tenant, '--until', '1h', '--why', 'maintenance');
  await cli.enqueue(tenant, 1);
  expect((await cli.json('publishers', 'show', tenant))['workflow']).toMatchObject({ paused: { why: 'maintenance' } });
  expect((await cli.run('resume', tenant, '--why', 'done')).out).toBe(`resumed ${tenant}\n`);
  await cli.untilStatus(tenant, 'published', 2);
});

test('tenant settings', async () => {
  expect(await cli.json('tenant', 'settings', tenant)).toMatchObject({ on_poison: 'hold-key' });
  expect(
    await cli.json('tenant', 'settings', tenant, '--on-poison', 'skip', '--weight', '2.5', '--why', 'no order needed'),
  ).toMatchObject({ on_poison: 'skip', weight: 2.5 });
  const plain = ['tenant', 'settings', tenant, '--why', 'readers join by key', '--plain-key'];
  expect(await cli.json(...plain, 'orders, bills')).toMatchObject({ weight: 2.5, plain_key: ['orders', 'bills'] });
  expect((await cli.run('tenant', 'settings', tenant)).out).toMatch(/^plain_key +\["orders","bills"\]$/m);
  expect(await cli.json(...plain, '*')).toMatchObject({ plain_key: ['*'] });
  expect(await cli.json(...plain, 'none')).toMatchObject({ plain_key: [] });
  const kept = ['tenant', 'settings', tenant, '--why', 'contract', '--retention'];
  expect(await cli.json(...kept, '30d')).toMatchObject({ on_poison: 'skip', retention: '30d' });
  expect(await cli.json(...kept, 'none')).toMatchObject({ retention: null });
  expect((await cli.run(...kept, 'forever')).code).toBe(1);
});

test('what is wrong on the command line is never sent', async () => {
  const before = (await cli.json('changes'))['entries'];
  const commands = [
    ['pause', '--why', 'x'],
    ['pause', tenant, '--all', '--why', 'x'],
    ['pause', tenant],
    ['breaker', 'open', '..', '--why', 'x'],
    ['breaker', 'configure', tenant, '--why', 'x'],
    ['breaker', 'configure', tenant, '--threshold', 'none', '--why', 'x'],
    ['quota', 'set', tenant, '--why', 'x'],
    ['quota', 'set', tenant, '--rate', 'lots', '--why', 'x'],
    ['tenant', 'settings', tenant, '--weight', '2'],
    ['tenant', 'settings', tenant, '--on-poison', 'explode', '--why', 'x'],
    ['tenant', 'settings', tenant, '--plain-key', 'no spaces', '--why', 'x'],
    ['parked', 'retry', tenant, '1e3', '--why', 'x'],
    ['replay', 'plan', tenant],
    ['replay', 'plan', tenant, '--ids', '1', '--topic', 'orders'],
    ['replay', 'start', 'p1', '--why', 'x'],
    ['events', 'ls', '--status', 'lost'],
    ['events', 'ls', '--after', 'yesterday'],
  ];
  const outcomes = await Promise.all(commands.map(async (args) => [args, (await cli.run(...args)).code]));
  expect(outcomes).toEqual(commands.map((args) => [args, 2]));
  expect((await cli.json('changes'))['entries']).toEqual(before);
});

test('pause everything, and end it', async () => {
  await cli.json('pause', '--all', '--until', '1h', '--why', 'broker maintenance');
  expect((await cli.run('paused')).out).toContain('broker maintenance');
  await cli.enqueue(tenant, 1);
  expect((await cli.run('resume', '--all', '--why', 'done')).out).toBe('resumed everything\n');
  await cli.untilStatus(tenant, 'published', 3);
});

test('quota reset goes back to the defaults; ingest has limits of its own', async () => {
  const limits = ['--rate', '7', '--bytes', '5000', '--ingest-rate', '50', '--max-pending', '1000'];
  await cli.json('quota', 'set', tenant, ...limits, '--why', 'x');
  expect(await cli.json('quota', 'show', tenant)).toMatchObject({
    rate_per_second: 7,
    bytes_per_second: 5_000,
    ingest: { rate_per_second: 50, max_pending: 1_000 },
  });
  expect(await cli.json('quota', 'reset', tenant, '--why', 'trial is over')).toMatchObject({ reset: true });
  expect(await cli.json('quota', 'show', tenant)).toMatchObject({ rate_per_second: null });
});

test('suspend, reactivate and delete a tenant', async () => {
  const other = `${cli.rig.options.name}-other`;
  await cli.json('tenant', 'create', other);
  await cli.json('tenant', 'suspend', other, '--why', 'unpaid');
  expect((await cli.run('tenant', 'ls')).out).toMatch(new RegExp(`^${other} +suspended`, 'm'));
  await cli.json('tenant', 'reactivate', other, '--why', 'paid');
  await cli.json('pause', other, '--why', 'x');
  await cli.enqueue(other, 1);
  const dry = await cli.run('tenant', 'delete', other, '--why', 'contract ended');
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('1 pending')]);
  expect((await cli.run('tenant', 'delete', other, '--why', 'x', '--yes')).code).toBe(1);
  expect((await cli.run('tenant', 'delete', other, '--why', 'x', '--yes', '--force')).out).toBe(`deleted ${other}\n`);
  expect((await cli.run('tenant', 'ls')).out).not.toContain(other);
});
