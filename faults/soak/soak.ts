import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runScenario } from '../runner/run-scenario';
import type { ScenarioResult } from '../runner/run-scenario';
import type { Scenario } from '../runner/scenario';
import type { SoakFigures } from '../report/results';
import type { RunServers } from '../servers/pool';
import { Random } from '../traffic/random';
import { Sampler } from './samples';
import { SOAK_STRIKES } from './strikes';
import type { Soaking } from './strikes';

/** Beside the faults there must be stretches of ordinary work, in which leaks of ordinary work would show. */
const PAUSE_MS = [2_000, 12_000] as const;
const SAMPLE_MS = 2_000;

/**
 * Mixed faults at random for so many minutes, on one installation with traffic all the time. Two workers: the faults of
 * workers hit only one of them; memory and file descriptors are those of the other, which lives through everything.
 */
export async function soak(
  servers: RunServers,
  { minutes, seed, memoryLog }: { readonly minutes: number; readonly seed: number; readonly memoryLog: string | null },
  log: (line: string) => void,
): Promise<{ scenario: ScenarioResult; figures: SoakFigures }> {
  const figures: SoakFigures[] = [];
  const random = new Random(seed);
  const names = Object.keys(SOAK_STRIKES);
  const scenario: Scenario = {
    name: 'soak',
    group: 'worker',
    about: `mixed faults at random for ${minutes} minutes on one installation`,
    // In a short soak not every fault has its turn.
    faults: minutes >= 10 ? names : [],
    tenants: 10,
    traffic: { pauseMs: 150 },
    ...(memoryLog !== null && { workerEnv: probed(memoryLog) }),
    limitSeconds: minutes * 60 + 600,
    async run(scene) {
      const [steady, prey] = scene.workers;
      if (steady === undefined || prey === undefined) throw new Error('the soak needs two workers');
      const sampler = new Sampler(steady.child.pid, SAMPLE_MS);
      const soaking: Soaking = { scene, random, prey };
      const end = Date.now() + minutes * 60_000;
      let round: string[] = [];
      while (Date.now() < end) {
        // Each fault once in another order, again and again: pure chance would leave some out for long.
        if (round.length === 0) round = random.shuffled(names);
        await SOAK_STRIKES[round.pop() ?? '']?.(soaking);
        await delay(random.int(...PAUSE_MS));
        if (steady.child.end !== null) throw new Error(`the measured worker ended:\n${steady.child.logTail()}`);
      }
      figures.push(sampler.finish());
    },
  };
  const result = await runScenario({ scenario, seed, plan: { minutes, order: names } }, servers, 15, log);
  const [measured] = figures;
  if (measured === undefined) throw new Error(`the soak broke off: ${result.failure}`);
  return { scenario: result, figures: measured };
}

function probed(memoryLog: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require ${join(__dirname, 'memory-probe.js')}`, FAULTS_MEMORY_LOG: memoryLog };
}
