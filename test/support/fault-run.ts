import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { AuditReport } from '../../src/audit/audit';
import { renderReport } from '../../src/audit/report';
import type { Service } from '../../faults/harness/service-process';
import type { FailpointName } from '../../src/failpoints/plan';
import { Pool } from 'pg';
import type { Acknowledged } from '../../src/audit/acknowledged';
import { acknowledge } from './traffic-events';
import type { Draft } from './traffic-events';
import { writeInTransaction } from './traffic-writers';
import { Rig } from '../../faults/harness/rig';
import type { RigOptions } from '../../faults/harness/rig';
import { Traffic } from './traffic';
import type { TrafficOptions } from './traffic';
import { testServers } from './stack';

/** Far above what a step takes (3 s), because the machine that runs the tests may do other things too. */
const DEADLINE_MS = 60_000;

/** The servers of the whole test run, in the harness' words. */
export function sharedServers(): RigOptions['servers'] {
  const { databaseUrl, kafkaBrokers, temporalAddress } = testServers();
  return { databaseUrl, kafkaBrokers: kafkaBrokers.join(','), temporalAddress };
}

/** A seed for this run, printed so that it can be repeated: OUTBOX_TEST_SEED sets it. */
export function testSeed(): number {
  const seed = Number(process.env['OUTBOX_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));
  process.stderr.write(`traffic seed: OUTBOX_TEST_SEED=${seed}\n`);
  return seed;
}

/** Topics that no other run on the same broker uses. `limits` = max.message.bytes of a topic, where it matters. */
export async function createTopics(
  brokers: string,
  topics: readonly string[],
  limits: Readonly<Record<string, number>> = {},
): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: topics.map((topic) => ({
        topic,
        numPartitions: 4,
        ...(limits[topic] !== undefined && {
          configEntries: [{ name: 'max.message.bytes', value: String(limits[topic]) }],
        }),
      })),
    });
  } finally {
    await admin.disconnect();
  }
}

/** A rig with tenants, topics and traffic flowing by SQL, and by HTTP too if `http`. */
export interface FaultRun {
  readonly rig: Rig;
  readonly tenants: readonly string[];
  readonly topics: readonly string[];
  readonly traffic: Traffic;
}

export interface FaultRunOptions extends RigOptions {
  readonly tenantCount: number;
  /** Post by HTTP as well; needs the api. */
  readonly http?: boolean;
  readonly traffic?: Partial<TrafficOptions>;
}

/** Runs `body` and ends everything that it started. A failure carries the publishers' rows and the last lines of all logs. */
export async function faultRun(options: FaultRunOptions, body: (run: FaultRun) => Promise<void>): Promise<void> {
  const rig = await Rig.start(options);
  let traffic: Traffic | null = null;
  try {
    const tenants = await rig.tenants(options.tenantCount);
    const topics = ['orders', 'invoices'].map((name) => `${rig.options.name}-${name}`);
    await createTopics(options.servers.kafkaBrokers, topics);
    const ingest = options.http === true ? await rig.ingest(tenants) : null;
    traffic = Traffic.start({
      seed: testSeed(),
      databaseUrl: rig.direct.databaseUrl,
      tenants,
      topics,
      ...(ingest !== null && { ingest }),
      ...options.traffic,
    });
    await body({ rig, tenants, topics, traffic });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await rig.describe()}`, {
      cause: error,
    });
  } finally {
    await traffic?.stop();
    await rig.close();
  }
}

/** Starts a worker that must kill itself at `failpoint` (on its nth hit) and waits until it did. */
export async function workerDiesAt(rig: Rig, failpoint: FailpointName, hit = 2): Promise<void> {
  const { child } = await rig.launch({ failpoints: `${failpoint}=kill:${hit}`, env: { OUTBOX_LINGER: '20ms' } });
  const { signal } = await child.mustEnd(DEADLINE_MS);
  if (signal !== 'SIGKILL') throw new Error(`the worker ended otherwise than at ${failpoint}:\n${child.logTail()}`);
}

/** Starts a worker that must freeze itself (SIGSTOP) at `failpoint` and waits until it did. */
export async function workerFreezesAt(rig: Rig, failpoint: FailpointName, hit = 1): Promise<Service> {
  const service = await rig.launch({ failpoints: `${failpoint}=stop:${hit}`, env: { OUTBOX_LINGER: '20ms' } });
  const deadline = Date.now() + DEADLINE_MS;
  while (!service.child.stopped()) {
    if (service.child.end !== null || Date.now() > deadline)
      throw new Error(`no worker froze at ${failpoint}:\n${service.child.logTail()}`);
    await delay(20);
  }
  // Temporal would go on handing tasks to the frozen worker's open polls, one heartbeat time-out each, until it misses
  // its pings (60 s and more, measured): cut them off, as a server with quicker pings would.
  rig.temporal.cut('frozen_worker_cut_off');
  // It may hold the lock of the sweep, and would keep it for ever: give the sweep to a living worker.
  await rig.installation.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name in ('temporal-outbox sweep', 'temporal-outbox wakes')`,
  );
  return service;
}

/** Enqueues drafts in one SQL transaction, as an application would; resolves with what its log would say. */
export async function enqueueAll(rig: Rig, drafts: readonly Draft[]): Promise<Acknowledged[]> {
  const pool = new Pool({ connectionString: rig.direct.databaseUrl, max: 1 });
  try {
    const outcome = await writeInTransaction(pool, drafts, { commit: true, holdMs: 0 });
    if (outcome.kind !== 'accepted') throw new Error(`enqueueing failed: ${JSON.stringify(outcome)}`);
    return drafts.map((draft, index) =>
      acknowledge(draft, { id: outcome.ids[index] ?? null, order: null, source: 'sql' }),
    );
  } finally {
    await pool.end();
  }
}

/** Waits for something that another process does. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${deadlineMs} ms still not: ${what}`);
    await delay(20);
  }
}

/** Resolves when other workers have taken over every publisher with work that these hold. */
export async function untilTakenOver(rig: Rig, frozen: readonly Service[]): Promise<void> {
  const pids = frozen.map(({ child }) => `%:${child.pid}:%`);
  await until('every publisher taken over by a living worker', async () => {
    const [row] = await rig.installation.query<{ held: number }>(
      `select count(*)::int as held from outbox.publishers p where drained_by like any ($1) and (state = 'running'
         or exists (select from outbox.batches b where b.tenant_id = p.tenant_id and settled_at is null)
         or exists (select from outbox.events e where e.tenant_id = p.tenant_id and status = 'pending'))`,
      [pids],
    );
    return row?.held === 0;
  });
}

/** Fails with the whole report unless the audit is clean; then says in one line what was shown. */
export function expectClean(report: AuditReport): void {
  if (!report.clean) throw new Error(renderReport(report));
  const fired = Object.entries(report.fired).map(([name, times]) => `${name}×${times}`);
  process.stderr.write(
    `audit clean: ${report.seen} events, ${report.aborted} aborted records, ${report.maybeSeen} lost answers found; fired ${fired.join(' ')}\n`,
  );
}
