import { enqueueAll, expectClean, faultRun, sharedServers, until } from '../support/fault-run';

/** One worker sweeps and listens for all; when it freezes, its lock must not outlive it for long. */
describe('the worker that leads the sweep', () => {
  const options = { name: 'leader', servers: sharedServers(), tenantCount: 2, traffic: { actors: 0 } };
  const backends = `select pid from pg_stat_activity where datname = current_database() and application_name like 'temporal-outbox %'`;

  it(
    'freezes: another one leads within the lease',
    () =>
      faultRun(options, async ({ rig, tenants, topics: [topic = ''] }) => {
        const leader = await rig.worker();
        await until('a leader', async () => (await rig.installation.query(backends)).length >= 2);
        await rig.worker();
        leader.child.signal('SIGSTOP');
        rig.faults.fired('leader_frozen', 'SIGSTOP');
        // Temporal must not hand the new publishers to the frozen worker; losing its polls is not what is tested here.
        rig.temporal.cut('frozen_worker_cut_off');
        const draft = (tenant: string) => ({
          tenant,
          topic,
          type: 'made',
          key: null,
          dedupeKey: `leader-${tenant}`,
          headers: null,
          payload: '{}',
        });
        const events = await enqueueAll(rig, tenants.map(draft));
        expectClean(await rig.settleAndAudit(events, { fired: ['leader_frozen'], deadlineMs: 30_000 }));
        leader.child.signal('SIGCONT');
      }),
    120_000,
  );

  it(
    'loses its connections: it goes on without ending',
    () =>
      faultRun(options, async ({ rig, tenants, topics: [topic = ''] }) => {
        const worker = await rig.worker();
        await until('a leader', async () => (await rig.installation.query(backends)).length >= 2);
        await rig.installation.query(`select pg_terminate_backend(pid) from (${backends}) b`);
        rig.faults.fired('leader_terminated', 'pg_terminate_backend');
        const draft = (tenant: string) => ({
          tenant,
          topic,
          type: 'made',
          key: null,
          dedupeKey: `cut-${tenant}`,
          headers: null,
          payload: '{}',
        });
        const events = await enqueueAll(rig, tenants.map(draft));
        expectClean(await rig.settleAndAudit(events, { fired: ['leader_terminated'], deadlineMs: 30_000 }));
        expect(worker.child.end).toBeNull();
      }),
    120_000,
  );
});
