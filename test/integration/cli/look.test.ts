import { setTimeout as delay } from 'node:timers/promises';
import type { CliRig } from './rig';
import { startCliRig } from './rig';
import { runOutboxctl } from './run-outboxctl';

let cli: CliRig;
const quiet = 'quiet';
let busy = '';
let ids: string[] = [];

beforeAll(async () => {
  cli = await startCliRig('clilook');
  busy = `${cli.rig.options.name}-busy`;
  for (const tenant of [busy, quiet]) await cli.json('tenant', 'create', tenant);
  ids = await cli.enqueue(busy, 3, { key: 'order-1' });
  await cli.untilStatus(busy, 'published', 3);
}, 120_000);
afterAll(() => cli?.close());

test('events ls and show, with payload only when asked for', async () => {
  const { events, total } = await cli.json('events', 'ls', '--tenant', busy, '--status', 'sent', '--after', '1h');
  expect(events).toHaveLength(3);
  expect(total).toEqual({ count: 3, exact: true });
  expect(JSON.stringify(events)).not.toContain('payload');
  const table = await cli.run('events', 'ls', '--status', 'published', '--topic', 'orders');
  expect(table.out).toMatch(/^ID +TENANT_ID +STATUS +TOPIC/);
  expect(table.err).toBe('3 of 3 published\n');

  const shown = await cli.run('events', 'show', busy, String(ids[0]), '--payload');
  expect(shown.out).toMatch(/^payload +\{"n": ?1, ?"text": ?"xxxxxxxxxx"\}$/m);
  expect((await cli.run('events', 'show', quiet, String(ids[0]))).code).toBe(1);
});

test('a list that does not end says so, and goes on by cursor', async () => {
  const page = ['events', 'ls', '--tenant', busy, '--status', 'published', '--limit', '2'];
  const first = await cli.json(...page);
  const second = await cli.json(...page, '--cursor', String(first['next']));
  const seen = [first, second].flatMap(({ events }) => events as { id: string }[]).map(({ id }) => id);
  expect(seen.sort()).toEqual([...ids].sort());
  expect((await cli.run(...page)).err).toContain('There is more: raise --limit, or go on with --cursor ');
});

test('undelivered: which topic is blocked and why, by pages of tenants', async () => {
  const blocked = [1, 2].map((n) => `${cli.rig.options.name}-blocked${n}`);
  for (const tenant of blocked) {
    await cli.json('tenant', 'create', tenant);
    await cli.enqueue(tenant, 2, { topic: '__not-ours' });
  }
  const reason = expect.objectContaining({ reason: 'blocked', error_code: 'KAFKA_TOPIC_NOT_ALLOWED', count: 2 });
  const tenants = blocked.map((tenant_id) => ({ tenant_id, reasons: [reason] }));
  for (const end = Date.now() + 30_000; ; await delay(100)) {
    const answer = await cli.json('undelivered');
    if (JSON.stringify(answer).split('blocked"').length > 2 || Date.now() > end) {
      expect(answer).toEqual({ tenants, next: null });
      break;
    }
  }
  const table = await cli.run('undelivered', '--limit', '1');
  expect(table.out).toMatch(/^\S+-blocked1 +blocked +2 +__not-ours +KAFKA_TOPIC_NOT_ALLOWED/m);
  expect(table.out).not.toContain('-blocked2');
  const cursor = /--cursor (\S+)/.exec(table.err)?.[1] ?? '';
  expect((await cli.json('undelivered', '--cursor', cursor))['tenants']).toEqual(tenants.slice(1));
  for (const tenant of blocked) await cli.json('tenant', 'delete', tenant, '--force', '--yes', '--why', 'a test');
});

test('summary, publishers, changes, doctor', async () => {
  const summary = await cli.json('summary');
  expect(summary['tenants']).toContainEqual(
    expect.objectContaining({ tenant_id: busy, published_count: 3, pending_count: 0 }),
  );
  expect((await cli.run('summary')).err).toContain('2 tenants: 0 pending, 3 published');

  const { publishers } = await cli.json('publishers', 'ls', '--tenant', busy);
  expect(publishers).toEqual([expect.objectContaining({ tenant_id: busy, destination: 'kafka' })]);
  expect((await cli.run('publishers', 'show', busy)).out).toMatch(/^workflow +\{.*"counters"/m);

  const { entries } = await cli.json('changes', '--tenant', quiet);
  expect(entries).toEqual([expect.objectContaining({ action: 'tenant.create', tenant_id: quiet })]);

  const doctor = await cli.run('doctor');
  expect(doctor.out).toMatch(/^postgres +ok/m);
  expect(doctor.code).toBe(doctor.out.includes('FAILED') ? 1 : 0);
});

test('check: 0 within the bounds, 3 above, 1 for an unknown tenant, 2 for bounds that make no sense', async () => {
  const codes = await Promise.all(
    [
      ['--max-pending', '0'],
      ['--status', 'published', '--max-pending', '2'],
      ['--status', 'published', '--max-pending', '3', '--tenant', busy],
      ['--tenant', 'nobody'],
      ['--status', 'failed', '--max-age', '5m'],
      ['--max-pending', '-1'],
    ].map(async (args) => (await cli.run('check', ...args)).code),
  );
  expect(codes).toEqual([0, 3, 0, 1, 2, 2]);
  const above = await cli.run('check', '--status', 'published', '--max-pending', '2', '--json');
  expect(JSON.parse(above.out)).toMatchObject({ within: false, above: [{ tenant_id: busy, count: 3 }] });
});

test('tail shows every event of a burst once, and Ctrl-C ends it with 0', async () => {
  const tail = cli.start('tail', '--tenant', busy, '--json', '--interval', '200ms', '--since', '1h');
  const until = async (count: number): Promise<void> => {
    for (const deadline = Date.now() + 60_000; tail.lines.length < count; await delay(50)) {
      if (Date.now() > deadline) throw new Error(`${tail.lines.length} of ${count} lines\n${tail.err}`);
    }
  };
  await until(3);
  const burst = await cli.enqueue(busy, 1_300);
  await until(1_303);
  const more = await cli.enqueue(busy, 1);
  await until(1_304);
  const end = await tail.end('SIGINT');
  expect(end).toEqual({ code: 0, signal: null });
  const shown = tail.lines.map((line) => (JSON.parse(line) as { id: string }).id);
  expect(shown.sort()).toEqual([...ids, ...burst, ...more].sort());
});

test('an admin key with fewer rights, of one tenant', async () => {
  const made = await cli.json(
    'admin-key',
    'create',
    'watcher',
    '--scopes',
    'read',
    '--tenant',
    quiet,
    '--expires',
    '1d',
  );
  const watch = (...args: string[]) => runOutboxctl(args, { ...cli.env, OUTBOX_ADMIN_KEY: String(made['key']) });
  expect((await watch('events', 'ls')).code).toBe(0);
  const refused = [
    await watch('events', 'ls', '--tenant', busy),
    await watch('breaker', 'open', quiet, '--why', 'x'),
    await watch('events', 'show', quiet, '1', '--payload'),
  ];
  expect(refused.map(({ code }) => code)).toEqual([1, 1, 1]);
  expect((await cli.run('admin-key', 'ls')).out).toContain('watcher');
  const revoked = await cli.run('admin-key', 'revoke', String(made['key_id']), '--why', 'x', '--yes');
  expect(revoked.out).toBe(`revoked ${String(made['key_id'])}\n`);
  expect((await watch('events', 'ls')).code).toBe(1);
});
