import type { CliRig } from './rig';
import { smallTopic, startCliRig } from './rig';

let cli: CliRig;
let tenant = '';

/** One event too large for its topic and two behind it, with one key. */
async function parkOne(key: string): Promise<string> {
  const [id = ''] = await cli.enqueue(tenant, 1, { key, topic: smallTopic(cli), bytes: 5_000 });
  await cli.untilStatus(tenant, 'failed', 1);
  await cli.enqueue(tenant, 2, { key });
  return id;
}

/** The key's line of `held ls`, once a drain has set both events aside. */
async function held(key: string): Promise<Record<string, unknown>> {
  for (const deadline = Date.now() + 60_000; ;) {
    const keys = (await cli.json('held', 'ls', '--tenant', tenant))['keys'] as Record<string, unknown>[];
    const found = keys.find((row) => row['key'] === key);
    if (JSON.stringify(found?.['waiting']) === '{"count":2,"exact":true}') return found ?? {};
    if (Date.now() > deadline) throw new Error(`not held with two behind it: ${JSON.stringify(keys)}`);
  }
}

beforeAll(async () => {
  cli = await startCliRig('cliparked');
  tenant = `${cli.rig.options.name}-t`;
  await cli.json('tenant', 'create', tenant);
}, 120_000);
afterAll(() => cli?.close());

test('a parked event holds its key; skipping it says first what would happen, then releases', async () => {
  const id = await parkOne('order-1');
  const ls = await cli.run('parked', 'ls', '--tenant', tenant);
  expect(ls.out).toMatch(new RegExp(`^${id} +${tenant} .*EVENT_TOO_LARGE`, 'm'));
  expect(await held('order-1')).toMatchObject({ parked_event_id: id, error_code: 'EVENT_TOO_LARGE' });

  const skip = ['parked', 'skip', tenant, id, '--why', 'test data'];
  const dry = await cli.run(...skip);
  expect(dry).toMatchObject({ code: 0, err: 'Nothing was changed. Add --yes to do it.\n' });
  expect(dry.out).toContain(`would skip 1 events of ${tenant}`);
  expect(await cli.json('events', 'show', tenant, id)).toMatchObject({ status: 'failed' });

  expect((await cli.run(...skip, '--yes')).out).toBe(`skipped 1 events of ${tenant}\n`);
  await cli.untilStatus(tenant, 'published', 2);
  const again = await cli.run(...skip, '--yes');
  expect([again.code, again.err]).toEqual([1, expect.stringContaining(id)]);
});

test('retry and release', async () => {
  const id = await parkOne('order-2');
  expect(await cli.json('parked', 'retry', tenant, id, '--why', 'limit raised')).toMatchObject({ retried: 1 });
  // Still too large: it is parked once more, and its key is held once more.
  await cli.untilStatus(tenant, 'failed', 1);
  await held('order-2');
  const dry = await cli.run('held', 'release', tenant, 'order-2', '--skip', '--why', 'x');
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('2 events wait behind it')]);
  const released = await cli.json('held', 'release', tenant, 'order-2', '--skip', '--yes', '--why', 'x');
  expect(released).toMatchObject({ events: 1 });
  await cli.untilStatus(tenant, 'published', 4);
  expect((await cli.json('undelivered', '--tenant', tenant))['tenants']).toEqual([]);
});
