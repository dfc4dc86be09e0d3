import { STACK_KINDS } from '../servers/pool';
import { Random } from '../traffic/random';
import type { Plan, Scenario } from './scenario';

/** A scenario with everything that the seed decides about it. */
export interface PlannedScenario {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly plan: Plan;
}

/**
 * What a seed means: a seed of its own for each scenario, by its name and not by its place, so that `--only` repeats exactly
 * what the scenario did in the whole run. Scenarios that share a stack follow each other on it.
 */
export function planRun(scenarios: readonly Scenario[], seed: number, seconds: number): PlannedScenario[] {
  return [...scenarios]
    .sort((a, b) => stackOrder(a) - stackOrder(b))
    .map((scenario) => {
      const own = seedOf(seed, scenario.name);
      return { scenario, seed: own, plan: scenario.plan?.(new Random(own), seconds) ?? {} };
    });
}

/** A short seeded selection: all that are marked quick, in the order of the whole run. */
export function quickSelection(scenarios: readonly Scenario[]): Scenario[] {
  return scenarios.filter(({ quick }) => quick === true);
}

/** The plan as it is printed before anything starts. */
export function describePlan(planned: readonly PlannedScenario[]): string {
  return planned
    .map(({ scenario, seed, plan }) => {
      const details = Object.keys(plan).length === 0 ? '' : ` ${JSON.stringify(plan)}`;
      return `  ${`${scenario.group}/${scenario.name}`.padEnd(34)} seed ${seed} on ${scenario.stack ?? 'usual'}${details}`;
    })
    .join('\n');
}

function stackOrder({ stack }: Scenario): number {
  return STACK_KINDS.indexOf(stack ?? 'usual');
}

/** FNV-1a over the name, mixed with the run's seed. */
function seedOf(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0) % 1_000_000;
}
