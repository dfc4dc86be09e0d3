import { packageRoot } from '../src/stack/locations';
import { join } from 'node:path';
import { parseOptions } from './options';
import type { FaultsOptions } from './options';
import { writePage } from './report/page';
import { readResults, results, writeResults } from './report/results';
import type { FaultsResults } from './report/results';
import { table } from './report/table';
import { describePlan, planRun, quickSelection } from './runner/plan';
import type { PlannedScenario } from './runner/plan';
import { notRun, runScenario } from './runner/run-scenario';
import type { ScenarioResult } from './runner/run-scenario';
import { GROUPS, SCENARIOS } from './scenarios/registry';
import { ServerPool, obstacleTo } from './servers/pool';
import type { RunServers } from './servers/pool';
import { soak } from './soak/soak';

type Log = (line: string) => void;

/** Each scenario after the other, written after each, so that an interrupted run still says what it found. */
async function runAll(options: FaultsOptions, log: Log): Promise<FaultsResults> {
  const began = Date.now();
  const selected =
    options.only === null && options.quick ? quickSelection(SCENARIOS) : SCENARIOS.filter(isWanted(options));
  const planned = planRun(selected, options.seed, options.seconds);
  log(`plan:\n${describePlan(planned)}`);
  const pool = await ServerPool.start(log);
  const done: ScenarioResult[] = [];
  const soFar = (): FaultsResults => results(done, { ...options, tookSeconds: (Date.now() - began) / 1_000 });
  try {
    for (const next of planned) {
      log(`${next.scenario.group}/${next.scenario.name}`);
      const result = await runOn(pool, next, options.seconds, log);
      done.push(result);
      log(
        `${result.name}: ${result.events} events, ${result.failure === null ? 'clean' : `FAILED: ${result.failure}`}`,
      );
      if (options.json !== null) writeResults(options.json, soFar());
    }
  } finally {
    await pool.stop();
  }
  return soFar();
}

/** Servers that cannot be had spoil their own scenario only. */
async function runOn(pool: ServerPool, next: PlannedScenario, seconds: number, log: Log): Promise<ScenarioResult> {
  const kind = next.scenario.stack ?? 'usual';
  const obstacle = obstacleTo(kind);
  if (obstacle !== null) return notRun(next, obstacle, true);
  let servers: RunServers;
  try {
    servers = await pool.get(kind);
  } catch (error) {
    return notRun(next, error instanceof Error ? error.message : String(error), false);
  }
  return runScenario(next, servers, seconds, log);
}

function isWanted({ only }: FaultsOptions): (scenario: (typeof SCENARIOS)[number]) => boolean {
  return ({ name, group }) => only === null || only.includes(name) || only.includes(group);
}

async function soakOnly(options: FaultsOptions, minutes: number, log: Log): Promise<FaultsResults> {
  const began = Date.now();
  const pool = await ServerPool.start(log);
  try {
    const { scenario, figures } = await soak(
      await pool.get('usual'),
      { minutes, seed: options.seed, memoryLog: options.memoryLog },
      log,
    );
    return results([scenario], { ...options, soak: figures, tookSeconds: (Date.now() - began) / 1_000 });
  } finally {
    await pool.stop();
  }
}

function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));
  });
}

/** `npm run faults -- [--json FILE] [--quick] [--soak MINUTES] …`. Progress goes to stderr, the table to stdout; 0 = clean. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), [...GROUPS, ...SCENARIOS.map(({ name }) => name)]);
  if (options.list) {
    for (const { group, name, about } of SCENARIOS) process.stdout.write(`${`${group}/${name}`.padEnd(34)} ${about}\n`);
    return 0;
  }
  if (options.report !== null) {
    writePage(join(packageRoot(), 'docs', 'reliability.md'), options.report.map(readResults));
    return 0;
  }
  const began = Date.now();
  const log: Log = (line) =>
    void process.stderr.write(`${((Date.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);
  log(
    `seed ${options.seed}, faults last ${options.seconds} s; repeat with --seed ${options.seed} --seconds ${options.seconds}`,
  );
  const work = options.soakMinutes === null ? runAll(options, log) : soakOnly(options, options.soakMinutes, log);
  const found = await Promise.race([work, interrupted()]);
  if (options.json !== null) writeResults(options.json, found);
  process.stdout.write(`${table(found)}\n`);
  return found.clean ? 0 : 1;
}

void main()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  })
  // Guards end the servers when this process goes, children of the rigs hear of its end.
  .then((code) => process.exit(code));
