import { everythingActivities } from '../../../src/activities/everything';
import { tenantCommandActivities } from '../../../src/activities/tenant-commands';
import type { TenantCommand } from '../../../src/domain/tenant-commands';
import { reactivateTenant } from '../../../src/postgres/tenants';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';

/** An activity whose answer was lost runs again: once the change, once the entry, the same answer. */
describe('a command that is carried out again', () => {
  let database: TestDatabase;
  let ids: string[];
  const wakes: string[] = [];
  let acted = 0;
  const said = { by: 'ops', why: 'a test' };

  beforeAll(async () => {
    database = await createTestDatabase('acme');
    ids = await enqueueSome(database.pool, 'acme', 3);
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    wakes.length = 0;
    acted = 0;
    await database.pool.query('delete from outbox.audit');
    await database.pool.query(
      `update outbox.events set status = 'failed', error_code = 'EVENT_TOO_LARGE', ordering_key = 'k', lane = 0,
         error_reason = 'x', failed_at = now(), skipped_at = null`,
    );
  });

  const carryOut = (command: TenantCommand, id: string) =>
    tenantCommandActivities({
      pool: database.pool,
      wake: (refs) => Promise.resolve(void wakes.push(...refs.map(({ tenant }) => tenant))),
      observer: { acted: (_action, events) => void (acted += events) },
    }).carryOutCommand(kafkaOf('acme'), command, id);
  const entries = async (): Promise<Record<string, unknown>[]> =>
    (await database.pool.query('select * from outbox.audit order by audit_id')).rows as Record<string, unknown>[];

  it.each<[string, TenantCommand]>([
    ['retry', { name: 'retryEvents', eventIds: ['1', '2', '77'], ...said }],
    ['skip', { name: 'skipEvents', eventIds: ['1', '2', '77'], ...said }],
    ['release', { name: 'releaseKey', key: 'k', action: 'skip', ...said }],
  ])('%s answers what it did, also while the first attempt is still at it', async (_, asked) => {
    const eventIds = [...ids.slice(0, 2), '99999'];
    const command = 'eventIds' in asked ? { ...asked, eventIds } : asked;
    const id = `run/${command.name}/1`;
    const [first, second] = await Promise.all([carryOut(command, id), carryOut(command, id)]);
    expect(second).toEqual(first);
    expect(await carryOut(command, id)).toEqual(first);
    const changed = 'eventIds' in asked ? ids.slice(0, 2) : ids;
    const refused = 'eventIds' in asked ? [{ eventId: '99999', code: 'not_found' }] : [];
    expect(first).toMatchObject({ kind: 'done', answer: { changed, refused } });
    expect(await entries()).toMatchObject([{ command_id: id, actor: 'temporal:ops' }]);
    expect([wakes, acted]).toEqual([['acme'], changed.length]);
    // Another command is another one: nothing is left to do for it, which is noted, for it must not find more to do when it is repeated.
    const again = await carryOut(command, `run/${command.name}/2`);
    expect(again).toMatchObject('eventIds' in asked ? { answer: { changed: [] } } : { kind: 'refused' });
    expect(await entries()).toHaveLength(2);
    await database.pool.query(
      `update outbox.events set status = 'failed', error_code = 'X', error_reason = 'x', failed_at = now()`,
    );
    expect(await carryOut(command, `run/${command.name}/2`)).toEqual(again);
    expect(acted).toBe(changed.length);
  });

  it('a suspension does not undo what came after it', async () => {
    const command = { name: 'suspendTenant', ...said } as const;
    const first = await carryOut(command, 'run/suspendTenant/1');
    await reactivateTenant(database.pool, 'acme', said);
    expect(await carryOut(command, 'run/suspendTenant/1')).toEqual(first);
    const { rows } = await database.pool.query('select status from outbox.tenants');
    expect(rows).toEqual([{ status: 'active' }]);
    expect(await entries()).toHaveLength(1);
  });

  it('a pause of everything neither', async () => {
    const { changeEverything, lookAtEverything } = everythingActivities(database.pool);
    const pause = { name: 'pause', ...said, until: null } as const;
    const paused = { ...said, by: 'temporal:ops' };
    const resume = { name: 'resume', by: 'ops', why: null } as const;
    expect(await changeEverything(pause, '1')).toMatchObject({ now: { paused } });
    await changeEverything(resume, '2');
    expect(await changeEverything(pause, '1')).toMatchObject({ kind: 'done', now: { paused: null } });
    expect(await lookAtEverything()).toMatchObject({ paused: null });
    expect(await entries()).toMatchObject([
      { action: 'all.pause', tenant_id: null, before: null, after: { ...paused, until: null } },
      { action: 'all.resume', why: null, before: paused, after: null },
    ]);
  });

  it('what Postgres can never store is refused, not tried for ever', async () => {
    const command = { name: 'suspendTenant', by: 'a\0', why: 'x' } as const;
    expect(await carryOut(command, 'run/suspendTenant/2')).toMatchObject({ kind: 'refused' });
    const pause = { name: 'pause', by: 'a\0', why: 'x', until: null } as const;
    expect(await everythingActivities(database.pool).changeEverything(pause, '3')).toMatchObject({ kind: 'refused' });
  });
});
