import type { Acknowledged } from '../../src/audit/acknowledged';
import type { AuditReport } from '../../src/audit/audit';
import { renderReport } from '../../src/audit/report';
import { withTraffic } from '../../faults/harness/fault-run';
import type { FaultRun, FaultRunOptions } from '../../faults/harness/fault-run';
import type { Rig, RigOptions } from '../../faults/harness/rig';
import type { Service } from '../../faults/harness/service-process';
import type { Draft } from '../../faults/traffic/drafts';
import { enqueueAll as enqueueDrafts } from '../../faults/traffic/enqueue-all';
import { testServers } from './stack';

export { createTopics } from '../../faults/harness/topics';
export { until } from '../../faults/harness/waiting';
export { untilTakenOver, workerDiesAt, workerFreezesAt } from '../../faults/harness/struck-workers';

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

/** Runs `body` while seeded traffic flows; see `withTraffic`. */
export async function faultRun(
  options: Omit<FaultRunOptions, 'seed'>,
  body: (run: FaultRun) => Promise<void>,
): Promise<void> {
  await withTraffic({ ...options, seed: testSeed() }, body);
}

/** Enqueues drafts in one SQL transaction, as an application would; resolves with what its log would say. */
export async function enqueueAll(rig: Rig, drafts: readonly Draft[]): Promise<Acknowledged[]> {
  return enqueueDrafts(rig.direct.databaseUrl, drafts);
}

/** Ends a service as its supervisor would; fails with the end of its log unless it ends in order. */
export async function stopsCleanly({ child }: Service): Promise<void> {
  const { code, signal } = await child.stop();
  if (code === 0) return;
  throw new Error(`${child.options.name} ended with code ${code}, signal ${signal}, not in order:\n${child.logTail()}`);
}

/** Fails with the whole report unless the audit is clean; then says in one line what was shown. */
export function expectClean(report: AuditReport): void {
  if (!report.clean) throw new Error(renderReport(report));
  const fired = Object.entries(report.fired).map(([name, times]) => `${name}×${times}`);
  process.stderr.write(
    `audit clean: ${report.seen} events, ${report.aborted} aborted records, ${report.maybeSeen} lost answers found; fired ${fired.join(' ')}\n`,
  );
}
