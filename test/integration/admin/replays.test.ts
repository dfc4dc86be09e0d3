import { ADMIN_KEY } from '../../../faults/harness/service-process';
import { Rig } from '../../../faults/harness/rig';
import { createTopics, sharedServers, until } from '../../support/fault-run';
import { expectProblem } from '../api/support';
import { all, call } from './support';
import type { Input } from './support';

/** Replays over the admin API of a real api process, fed and published by a real worker. */
describe('replays', () => {
  let rig: Rig;
  let api: { adminUrl: string };
  let topic: string;
  let tenants: string[];

  beforeAll(async () => {
    rig = await Rig.start({ name: 'adminreplay', servers: sharedServers() });
    tenants = await rig.tenants(3);
    topic = `${rig.options.name}-orders`;
    await createTopics(rig.direct.kafkaBrokers, [topic]);
    api = { adminUrl: (await rig.api()).adminUrl };
    await rig.worker({ env: { OUTBOX_LINGER: '20ms' } });
    for (const tenant of tenants) {
      await rig.installation.query(
        `select outbox.enqueue(tenant => $1, topic => $2, type => 'type-' || n % 2, payload => '{}'::jsonb) from generate_series(1, 10) n`,
        [tenant, topic],
      );
    }
    await rig.installation.untilDrained(30_000);
  });
  afterAll(() => rig.close());

  const ask = (id: string, input: Input = {}): ReturnType<typeof call> => call(api, id, { key: ADMIN_KEY, ...input });
  const idsOf = async (tenant: string): Promise<string[]> => {
    const rows = await rig.installation.query<{ id: string }>(
      'select event_id::text as id from outbox.events where tenant_id = $1 order by event_id',
      [tenant],
    );
    return rows.map((row) => row.id);
  };
  const ended = (tenant: string, replay_id: string): Promise<void> =>
    until(
      `${replay_id} is done`,
      async () => (await ask('getReplay', { params: { tenant, replay_id } })).body['state'] === 'done',
    );

  it('plans, starts with the planned count, is done; the same id again changes nothing', async () => {
    const [tenant = ''] = tenants;
    const plan = await ask('planReplay', { body: { tenant_id: tenant, filter: { status: 'sent', type: 'type-1' } } });
    expect(plan.body).toMatchObject({ count: 5, sample: [{ topic, status: 'published' }, {}, {}, {}, {}] });
    const body = { replay_id: 'night-1', plan_id: plan.body['plan_id'], expected_count: 5, why: 'a test' };
    const differs = await ask('startReplay', { body: { ...body, expected_count: 4 } });
    expectProblem(differs, 409, 'conflict');
    const started = await ask('startReplay', { body });
    expect([started.status, started.body['total'], started.body['by']]).toEqual([202, 5, 'OUTBOX_ADMIN_KEY']);
    await ended(tenant, 'night-1');
    const again = await ask('startReplay', { body });
    expect(again.body).toMatchObject({ state: 'done', published: 5, remaining: 0 });
    const entries = await all(api, 'listAudit', 'entries', {
      key: ADMIN_KEY,
      query: { tenant, action: 'replay.start' },
    });
    expect(entries).toEqual([expect.objectContaining({ subject: 'night-1', why: 'a test' })]);
    expectProblem(
      await ask('startReplay', { body: { ...body, replay_id: 'x', plan_id: '00000000-0000-4000-8000-000000000000' } }),
      404,
    );
  });

  it('pauses, resumes and cancels', async () => {
    const tenant = tenants[1] ?? '';
    const plan = await ask('planReplay', { body: { tenant_id: tenant, event_ids: await idsOf(tenant) } });
    const params = { tenant, replay_id: 'slow/1' };
    const body = {
      replay_id: 'slow/1',
      plan_id: plan.body['plan_id'],
      expected_count: 10,
      rate_per_second: 1,
      why: 'a test',
    };
    await ask('startReplay', { body });
    const order = { params, body: { why: 'a test' } };
    expect((await ask('pauseReplay', order)).body).toMatchObject({ state: 'paused' });
    expect((await ask('resumeReplay', order)).body).toMatchObject({ state: 'running' });
    expect((await ask('cancelReplay', order)).body).toMatchObject({ state: 'cancelled', remaining: 0 });
    expectProblem(await ask('resumeReplay', order), 409, 'conflict');
    expectProblem(await ask('pauseReplay', { ...order, params: { tenant, replay_id: 'other' } }), 404, 'not_found');
    const entries = await all(api, 'listAudit', 'entries', { key: ADMIN_KEY, query: { tenant } });
    expect(entries.map((entry) => entry['action'])).toEqual([
      'replay.cancel',
      'replay.resume',
      'replay.pause',
      'replay.start',
    ]);
  });

  it('by ids over all tenants at one go: unknown ones are named, pending ones refused', async () => {
    const [first = '', second = '', third = ''] = tenants;
    const [a = ''] = await idsOf(first);
    const [b = ''] = await idsOf(second);
    const [c = ''] = await idsOf(third);
    await rig.installation.query(
      `update outbox.events set status = 'failed', failed_at = now(), error_code = 'EVENT_REFUSED', published_at = null where tenant_id = $1 and event_id = $2`,
      [third, c],
    );
    const answer = await ask('replayEvents', {
      body: { event_ids: [a, Number(b), c, '9223372036854775807'], why: 'a test' },
    });
    expect(answer.body).toMatchObject({ replayed: 3, not_found: ['9223372036854775807'], refused: [] });
    const [id] = answer.body['replay_ids'] as string[];
    for (const tenant of [first, second, third]) await ended(tenant, id ?? '');
    await until('the failed one is published', async () => {
      const { body } = await ask('getEvent', { params: { tenant: third, id: c } });
      return body['status'] === 'published';
    });
    expectProblem(await ask('replayEvents', { body: { event_ids: ['9223372036854775807'] } }), 404, 'not_found');
    const made = await ask('createAdminKey', { body: { label: 'own', scopes: ['replay'], tenant: first } });
    const key = String(made.body['key']);
    expectProblem(await ask('replayEvents', { body: { event_ids: [b] }, key }), 404, 'not_found');
  });

  it('of one tenant, by status and topic', async () => {
    const tenant = tenants[2] ?? '';
    expectProblem(await ask('replayTenant', { body: { tenant_id: tenant } }), 404, 'not_found');
    const answer = await ask('replayTenant', {
      body: { tenant_id: tenant, status: 'published', topic_filter: 'orders', limit: 4 },
    });
    expect(answer.body).toMatchObject({ tenant_id: tenant, replayed: 4, status: 'published' });
    await ended(tenant, String(answer.body['replay_id']));
    const replays = await all(api, 'listReplays', 'replays', { key: ADMIN_KEY, query: { limit: 2 } });
    expect(replays.map((replay) => replay['state'])).toEqual(expect.arrayContaining(['done', 'cancelled']));
    expect(replays).toHaveLength(6);
    expect(await all(api, 'listReplays', 'replays', { key: ADMIN_KEY, query: { tenant } })).toHaveLength(2);
    expectProblem(await ask('replayTenant', { body: { tenant_id: 'nobody' } }), 404, 'not_found');
    expectProblem(await ask('replayTenant', { body: { tenant_id: tenant, status: 'pending' } }), 422);
  });
});
