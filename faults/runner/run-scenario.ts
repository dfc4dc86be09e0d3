import { setTimeout as delay } from 'node:timers/promises';
import type { AuditReport } from '../../src/audit/audit';
import { renderReport } from '../../src/audit/report';
import { withTraffic } from '../harness/fault-run';
import type { RunServers } from '../servers/pool';
import { LiveScene } from './live-scene';
import type { FaultResult } from './live-scene';
import type { PlannedScenario } from './plan';

export interface ScenarioResult {
  readonly name: string;
  readonly group: string;
  readonly about: string;
  readonly seed: number;
  readonly events: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly orderBreaks: number;
  /** All other violations together: hashes, headers, tenants, events nobody was told of, transactions left open. */
  readonly otherFindings: number;
  readonly aborted: number;
  readonly lostAnswersFound: number;
  readonly faults: readonly FaultResult[];
  readonly tookSeconds: number;
  /** Null if it ended as it should and the audit was clean. */
  readonly failure: string | null;
}

/** How long everything accepted may take to be published once traffic has stopped and nothing is broken any more. */
const HEAL_MS = 60_000;
/** Fewer events than this prove nothing. */
const MIN_EVENTS = 60;

/** Runs one scenario: traffic, faults, heal phase with a deadline, audit. Never rejects: a failure is part of the result. */
export async function runScenario(
  { scenario, seed, plan }: PlannedScenario,
  servers: RunServers,
  seconds: number,
  log: (line: string) => void,
): Promise<ScenarioResult> {
  const began = Date.now();
  let report: AuditReport | null = null;
  const env = typeof scenario.env === 'function' ? scenario.env() : (scenario.env ?? {});
  const wanted = typeof scenario.faults === 'function' ? scenario.faults(plan) : scenario.faults;
  let faults: readonly FaultResult[] = wanted.map((name) => ({ name, fired: 0, recoverMs: null }));
  let failure: string | null = null;
  try {
    await withTraffic(
      {
        name: scenario.name.replace(/[^a-z0-9]/g, ''),
        servers: servers.addresses,
        proxiedKafka: servers.proxiedKafka,
        seed,
        tenantCount: scenario.tenants ?? 6,
        http: true,
        apiEnv: env,
        traffic: { pauseMs: 80, ...scenario.traffic },
      },
      async (run) => {
        const scene = new LiveScene(run, scenario.name, { ...env, ...scenario.workerEnv }, servers, seconds, log);
        try {
          report = await limited(scenario.limitSeconds ?? 240, async () => {
            for (let count = scenario.workers ?? 2; count > 0; count -= 1) scene.workers.push(await scene.worker());
            await run.traffic.reached(30);
            const own = await scenario.run(scene, plan);
            await run.traffic.stop();
            if (own !== undefined) return own;
            return run.rig.settleAndAudit([...run.traffic.acknowledged, ...scene.extra], {
              deadlineMs: HEAL_MS,
              minEvents: MIN_EVENTS,
              fired: wanted.filter(scene.possible),
            });
          });
        } finally {
          faults = await scene.results(wanted);
        }
        if (!report.clean) throw new Error(renderReport(report));
      },
    );
    const absent = faults.filter(({ fired }) => fired === 0);
    if (absent.length > 0) failure = `did not happen: ${absent.map(describeAbsent).join('; ')}`;
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  return { ...scored(report), ...identity(scenario, seed), faults, tookSeconds: (Date.now() - began) / 1_000, failure };
}

/** A scenario whose servers this machine cannot have (its faults are impossible), or whose servers did not start. */
export function notRun({ scenario, seed, plan }: PlannedScenario, why: string, isImpossible: boolean): ScenarioResult {
  const wanted = typeof scenario.faults === 'function' ? scenario.faults(plan) : scenario.faults;
  const faults = wanted.map((name) => ({ name, fired: 0, recoverMs: null, ...(isImpossible && { impossible: why }) }));
  const failure = isImpossible ? `did not happen: ${faults.map(describeAbsent).join('; ')}` : why;
  return { ...scored(null), ...identity(scenario, seed), faults, tookSeconds: 0, failure };
}

function identity(
  scenario: PlannedScenario['scenario'],
  seed: number,
): Pick<ScenarioResult, 'name' | 'group' | 'about' | 'seed'> {
  return { name: scenario.name, group: scenario.group, about: scenario.about, seed };
}

function describeAbsent({ name, impossible }: FaultResult): string {
  return impossible === undefined ? name : `${name} (${impossible})`;
}

type Score = 'events' | 'missing' | 'duplicates' | 'orderBreaks' | 'otherFindings' | 'aborted' | 'lostAnswersFound';

function scored(report: AuditReport | null): Pick<ScenarioResult, Score> {
  const count = (kind: keyof AuditReport['findings']): number => report?.findings[kind].count ?? 0;
  const others = ['unexpected', 'wrongTenant', 'payloadDiffers', 'headerFaults', 'undecided'] as const;
  return {
    events: report?.acknowledged ?? 0,
    missing: count('missing'),
    duplicates: count('duplicates'),
    orderBreaks: count('orderBreaks'),
    otherFindings: others.reduce((sum, kind) => sum + count(kind), 0),
    aborted: report?.aborted ?? 0,
    lostAnswersFound: report?.maybeSeen ?? 0,
  };
}

/** Rejects when the work takes too long; what it still does then fails by itself when its servers go. */
async function limited<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  const working = work();
  working.catch(() => undefined);
  const late = delay(seconds * 1_000, null, { ref: false }).then(() => {
    throw new Error(`not done after ${seconds} s`);
  });
  return Promise.race([working, late]);
}
