import { ADMIN_KEY, event, post, startTestApi } from '../api/support';
import type { TestApi } from '../api/support';
import { runOutboxctl } from './run-outboxctl';
import type { Outcome } from './run-outboxctl';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const outboxctl = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  runOutboxctl(args, { OUTBOX_ADMIN_URL: api.adminUrl, OUTBOX_ADMIN_KEY: ADMIN_KEY, ...env });

test('tenant create, ls; key create, ls, revoke; with --json and as tables', async () => {
  const created = await outboxctl(['tenant', 'create', 'acme', '--why', 'trial', '--json']);
  expect(created).toMatchObject({ code: 0, err: '' });
  const { tenant, key, ...rest } = JSON.parse(created.out) as Record<string, string>;
  expect([tenant, rest]).toEqual(['acme', {}]);
  expect((await post(api, event(), key === undefined ? {} : { key })).status).toBe(202);

  const list = await outboxctl(['tenant', 'ls']);
  expect(list.out).toMatch(/^TENANT +STATUS +CREATED/);
  expect(list.out).toMatch(/^acme +active +\d{4}-/m);
  expect(JSON.parse((await outboxctl(['tenant', 'ls', '--json'])).out)).toMatchObject({
    tenants: [{ tenant: 'acme' }],
  });

  const second = await outboxctl([
    'key',
    'create',
    'acme',
    '--label',
    'ci',
    '--scopes',
    'ingest',
    '--json',
    '--why',
    'builds',
  ]);
  const made = JSON.parse(second.out) as Record<string, string>;
  expect(made).toMatchObject({ tenant: 'acme', label: 'ci', scopes: ['ingest'] });
  const keyId = String(made['key_id']);
  const revoke = ['key', 'revoke', 'acme', keyId, '--why', 'leaked'];
  const dry = await outboxctl(revoke);
  expect([dry.code, dry.err]).toEqual([0, 'Nothing was changed. Add --yes to do it.\n']);
  expect(dry.out).toMatch(new RegExp(`^${keyId} +ci .*\nwould revoke ${keyId} of acme\n$`, 'm'));
  const still = JSON.parse((await outboxctl([...revoke, '--json'])).out) as Record<string, unknown>;
  expect(still).toMatchObject({ dry_run: true, key: { key_id: keyId, revoked_at: null } });
  expect((await outboxctl([...revoke, '--yes'])).out).toBe(`revoked ${keyId} of acme\n`);
  const keys = await outboxctl(['key', 'ls', 'acme', '--json']);
  expect(keys.out).not.toContain(String(made['key']));
  expect((JSON.parse(keys.out) as { keys: unknown[] }).keys).toHaveLength(2);
  const changes = JSON.parse((await outboxctl(['changes', '--json'])).out) as { entries: Record<string, unknown>[] };
  expect(changes.entries.map((entry) => [entry['action'], entry['why']])).toEqual([
    ['key.revoke', 'leaked'],
    ['key.create', 'builds'],
    ['tenant.create', 'trial'],
  ]);
});

test('an admin key: made and revoked with a reason, revoked only with --yes', async () => {
  const made = await outboxctl(['admin-key', 'create', 'night', '--scopes', 'read', '--why', 'rota', '--json']);
  const keyId = String((JSON.parse(made.out) as Record<string, unknown>)['key_id']);
  const revoke = ['admin-key', 'revoke', keyId, '--why', 'left'];
  const dry = await outboxctl(revoke);
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining(`would revoke ${keyId}\n`)]);
  const listed = async (): Promise<unknown> => JSON.parse((await outboxctl(['admin-key', 'ls', '--json'])).out);
  expect(await listed()).toMatchObject({ keys: [{ key_id: keyId, revoked_at: null }] });
  expect((await outboxctl(['admin-key', 'revoke', '000000000000', '--why', 'x'])).out).toBe(
    'would revoke nothing: there is no admin key 000000000000\n',
  );
  expect((await outboxctl([...revoke, '--yes'])).out).toBe(`revoked ${keyId}\n`);
  expect(await listed()).toMatchObject({ keys: [{ key_id: keyId, revoked_at: expect.any(String) as string }] });
  const changes = JSON.parse((await outboxctl(['changes', '--json', '--limit', '2'])).out) as { entries: unknown[] };
  expect(changes.entries).toMatchObject([
    { action: 'admin_key.revoke', why: 'left' },
    { action: 'admin_key.create', why: 'rota' },
  ]);
});

test('exit codes', async () => {
  const [again, bad, usage, unknown, away, wrong, noKey, badConfig] = await Promise.all([
    outboxctl(['key', 'ls', 'nobody']),
    outboxctl(['tenant', 'create', 'a/b']),
    outboxctl(['tenant', 'create']),
    outboxctl(['nothing']),
    outboxctl(['tenant', 'ls'], { OUTBOX_ADMIN_URL: 'http://127.0.0.1:1' }),
    outboxctl(['tenant', 'ls'], { OUTBOX_ADMIN_KEY: 'another-admin-key' }),
    outboxctl(['tenant', 'ls'], { OUTBOX_ADMIN_KEY: '' }),
    outboxctl(['config', 'check', '--json'], { OUTBOX_API_PORT: 'x', OUTBOX_LINGER: '5' }),
  ]);
  expect([again, bad, usage, unknown, away, wrong, noKey, badConfig].map((result) => result.code)).toEqual([
    1, 1, 2, 2, 69, 1, 78, 78,
  ]);
  expect(bad.err).toContain('/name');
  expect((JSON.parse(badConfig.out) as { problems: unknown[] }).problems).toHaveLength(2);
});

test('config print masks secrets; config check warns', async () => {
  const printed = await outboxctl(['config', 'print']);
  expect(printed).toMatchObject({ code: 0 });
  expect(printed.out).not.toContain(ADMIN_KEY);
  expect(printed.out).toMatch(/^OUTBOX_ADMIN_KEY +\*\*\* +environment/m);
  const checked = await outboxctl(['config', 'check'], { OUTBOX_API_PROT: '1' });
  expect(checked).toMatchObject({ code: 0, err: expect.stringContaining('Did you mean OUTBOX_API_PORT?') });
});
