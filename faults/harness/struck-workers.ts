import type { FailpointName } from '../../src/failpoints/plan';
import type { Rig } from './rig';
import type { Service } from './service-process';
import { DEADLINE_MS, until } from './waiting';

/** Starts a worker that must kill itself at `failpoint` (on its nth hit) and waits until it did. */
export async function workerDiesAt(rig: Rig, failpoint: FailpointName, hit = 2): Promise<void> {
  const { child } = await rig.launch({ failpoints: `${failpoint}=kill:${hit}`, env: { OUTBOX_LINGER: '20ms' } });
  const { signal } = await child.mustEnd(DEADLINE_MS);
  if (signal !== 'SIGKILL') throw new Error(`the worker ended otherwise than at ${failpoint}:\n${child.logTail()}`);
}

/** Starts a worker that must freeze itself (SIGSTOP) at `failpoint` and waits until it did. */
export async function workerFreezesAt(rig: Rig, failpoint: FailpointName, hit = 1): Promise<Service> {
  const service = await rig.launch({ failpoints: `${failpoint}=stop:${hit}`, env: { OUTBOX_LINGER: '20ms' } });
  await untilStopped(service, `frozen at ${failpoint}`);
  await cutOffFrozen(rig);
  return service;
}

/** Resolves when the kernel says that the worker is stopped; rejects when it ended instead. */
export async function untilStopped(service: Service, what: string): Promise<void> {
  const { child } = service;
  await until(`a worker ${what}:\n${child.logTail()}`, () => {
    if (child.end !== null) throw new Error(`the worker ended and is not ${what}:\n${child.logTail()}`);
    return child.stopped();
  });
}

/** What a server with quicker pings and shorter leases would do to a frozen worker: see the reasons at each step. */
export async function cutOffFrozen(rig: Rig): Promise<void> {
  // Temporal would go on handing tasks to the frozen worker's open polls, one heartbeat time-out each, until it misses
  // its pings (60 s and more, measured): cut them off, as a server with quicker pings would.
  rig.temporal.cut('frozen_worker_cut_off');
  // It may hold the lock of the sweep, and would keep it for ever: give the sweep to a living worker.
  await rig.installation.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name in ('temporal-outbox sweep', 'temporal-outbox wakes')`,
  );
}

/** Resolves when other workers have taken over every relay of these that has publishers. */
export async function untilTakenOver(rig: Rig, frozen: readonly Service[]): Promise<void> {
  const pids = frozen.map(({ child }) => `%:${child.pid}:%`);
  await until('every publisher taken over by a living worker', async () => {
    const [row] = await rig.installation.query<{ held: number }>(
      `select count(*)::int as held from outbox.relays r join outbox.publishers p on p.owner_relay = r.relay
       where r.holder like any ($1)`,
      [pids],
    );
    return row?.held === 0;
  });
}
