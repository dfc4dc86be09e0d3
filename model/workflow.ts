import { drainStarted } from '../src/domain/publisher-outcome';
import { bare, decided, ordersTo, withProbeDue, withToken } from './control';
import type { Control, ControlPlan, Running } from './control';
import type { Rules } from './rules';
import { spend } from './scope';
import type { Scope } from './scope';
import type { Next, World } from './world';

/** What happens in the publisher workflow, and what operators, time and Temporal do to it. */
export function controlSteps(scope: Scope, world: World): Next[] {
  const { control } = world;
  if (control === null || scope.control === undefined) return [];
  const nexts = workflowSteps(scope, world, control);
  if (world.left.orders > 0) nexts.push(...orders(scope.control, world, control));
  const stalled = givenUp(world, control, scope.rules);
  return stalled === null ? nexts : [...nexts, stalled];
}

/** What the workflow does by itself; the first is what it would do next. */
export function workflowSteps(scope: Scope, world: World, control: Control): Next[] {
  const nexts: Next[] = [];
  const add = (label: string, change: Partial<World>): void =>
    void nexts.push({ label, world: { ...world, ...change } });
  if (!isRemembered(world, control))
    add('the workflow writes the order into its row', remembered(world, control, scope.rules));
  if (control.running === null && world.left.runs > 0) {
    const granted = grants(world, control, scope.rules);
    if (granted !== null) add(...granted);
  }
  const due = withProbeDue(control.state);
  if (due !== null) add('the probe is due', { control: { ...control, state: due } });
  const token = withToken(control.state);
  if (token !== null) add('a token comes', { control: { ...control, state: token } });
  return nexts;
}

export function isRemembered({ pg }: World, { state }: Control): boolean {
  return pg.orders.paused === (state.paused !== null) && pg.orders.heldOpen === state.breaker.manual;
}

/** The running drain meets the order in the row before its next batch, and is told to end after the one in flight. */
function remembered(world: World, control: Control, rules: Rules): Partial<World> {
  const { state, running } = control;
  const orders = { ...world.pg.orders, paused: state.paused !== null, heldOpen: state.breaker.manual };
  const pg = { ...world.pg, orders };
  if (running === null || running.again) return { pg };
  // No worker had it yet: the server answers with the cancellation.
  const told = running.handed ? { ...running, ordered: true } : null;
  return told === null
    ? { pg, ...again(world, control, running, rules, pg) }
    : { pg, control: { ...control, running: told } };
}

/** untilOrdered: a grant of nothing finds out what the drain recorded that was told to end and never answered. */
function again(
  world: World,
  control: Control,
  { grant, events, probe, cautious }: Running,
  rules: Rules,
  pg = world.pg,
): Partial<World> {
  const takesBack = mayTakeBack(control, rules);
  const rest = { probe, cautious, takesBack, handed: false, ordered: false, again: true };
  if (rules.againGrantsNothing) {
    return { control: { ...control, running: { ...rest, grant, events: 0, first: false } } };
  }
  const running = { ...rest, grant: grant + 1, events, first: true };
  return {
    pg: { ...pg, grants: [...pg.grants, { events: 0, settled: 0 }] },
    control: { ...control, running, granted: [...control.granted, events] },
  };
}

/** Whether a grant of nothing, if this is one, takes back what Kafka never got: in the product every one does. */
function mayTakeBack({ state }: Control, rules: Rules): boolean {
  return rules.looksTakeBack || state.paused !== null || state.breaker.manual;
}

function grants(world: World, control: Control, rules: Rules): [string, Partial<World>] | null {
  const decision = decided(control, rules);
  if (decision.kind !== 'drain') return null;
  const { events, probe } = decision;
  const grant = control.granted.length + 1;
  const state = bare(drainStarted(control.state, probe, 0));
  const cautious = probe || state.breaker.failures > 0;
  const takesBack = mayTakeBack(control, rules);
  const running: Running = {
    grant,
    events,
    probe,
    cautious,
    takesBack,
    first: true,
    handed: false,
    ordered: false,
    again: false,
  };
  return [
    `the workflow gives grant ${grant} of ${events}${probe ? ', a probe' : ''}`,
    {
      pg: { ...world.pg, grants: [...world.pg.grants, { events: 0, settled: 0 }] },
      control: { ...control, state, running, granted: [...control.granted, events] },
    },
  ];
}

function orders(plan: ControlPlan, world: World, control: Control): Next[] {
  const left = spend(world.left, 'orders');
  const nexts = ordersTo(control.state, plan).map(({ what, state }): Next => {
    return { label: `an operator ${what}`, world: { ...world, left, control: { ...control, state } } };
  });
  if (!plan.orders.includes('pauseAll')) return nexts;
  const allPaused = !world.pg.orders.allPaused;
  const pg = { ...world.pg, orders: { ...world.pg.orders, allPaused } };
  return [
    ...nexts,
    { label: `an operator ${allPaused ? 'pauses' : 'resumes'} everything`, world: { ...world, left, pg } },
  ];
}

/** Temporal misses the heartbeats of an attempt, because it was killed, or although it lives. */
function givenUp(world: World, control: Control, rules: Rules): Next | null {
  const { running } = control;
  if (running === null || !running.handed) return null;
  const alive = world.drains.findIndex(({ call }) => call !== null && !call.givenUp);
  if (alive >= 0 && world.left.timeouts === 0) return null;
  const drains = world.drains.map((drain) => {
    if (drain.call === null) return drain;
    // Nobody waits for its outcome any more.
    if (drain.step === 'report') return { ...drain, step: 'idle' as const, call: null, end: null };
    return { ...drain, call: { ...drain.call, givenUp: true } };
  });
  const [a, b] = drains;
  if (a === undefined || b === undefined) return null;
  // The server does not try anew what was told to end.
  const change = running.ordered
    ? again(world, control, running, rules)
    : { control: { ...control, running: { ...running, first: false, handed: false } } };
  const left = alive >= 0 ? spend(world.left, 'timeouts') : world.left;
  return {
    label: alive >= 0 ? 'Temporal gives up a drain that lives' : 'Temporal misses the heartbeats',
    world: { ...world, left, drains: [a, b], ...change },
  };
}
