import { misstep } from './control-invariants';
import { lifted } from './control';
import type { Control } from './control';
import { drainSteps } from './drain';
import type { Scope } from './scope';
import { workflowSteps } from './workflow';
import type { World } from './world';

/** More than a look at what is in doubt takes. */
const MAX_STEPS = 200;

/** The workflow after every worker died: what it waits for is tried anew, or looked after if it was told to end. */
export function alone(control: Control | null): Control | null {
  const running = control?.running ?? null;
  if (control === null || running === null) return control;
  const events = running.ordered ? 0 : running.events;
  const takesBack = running.takesBack || (running.ordered && mustStop(control));
  return { ...control, running: { ...running, events, takesBack, first: false, handed: false, ordered: false } };
}

function mustStop({ state }: Control): boolean {
  return state.paused !== null || state.breaker.manual;
}

/** The drain goes on, or the workflow, or a worker takes what the workflow asks for. Null = nothing more happens. */
export function nextStep(scope: Scope, world: World): World | null {
  const { control } = world;
  const isIdle = world.drains[0].step === 'idle';
  if (isIdle && control !== null) {
    const [next] = workflowSteps(scope, world, control);
    if (next !== undefined && (control.running === null || !control.running.handed)) {
      const [begins] = drainSteps(scope, world, 0);
      return (control.running === null ? next : (begins ?? next)).world;
    }
  }
  return drainSteps(scope, world, 0)[0]?.world ?? null;
}

/** Nothing runs, and the breaker is closed again. */
export function isAtRest({ running, state }: Control): boolean {
  return running === null && state.breaker.state === 'closed';
}

/** An operator ends every order, in the rows too. */
export function liftedOrders(world: World): World {
  const { control, pg } = world;
  if (control === null) return world;
  const orders = { paused: false, heldOpen: false, allPaused: false };
  return { ...world, pg: { ...pg, orders }, control: { ...control, state: lifted(control.state) } };
}

/** A pause that nobody ends is complete after a while, whatever died: no batch is in doubt. Answers what is wrong, or null. */
export function completes(scope: Scope, start: World): string | null {
  const { control } = start;
  if (control === null || !(mustStop(control) || start.pg.orders.allPaused)) return null;
  let world = start;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { recorded, settled } = world.pg;
    if (world.halted !== null) return null;
    const rests = world.control?.running === null && world.drains[0].step === 'idle';
    if (rests && recorded === settled) return null;
    const next = nextStep(scope, world);
    if (next === null) break;
    const wrong = misstep(world, next);
    if (wrong !== null) return `after healing: ${wrong}`;
    world = next;
  }
  return 'the pause can never be complete';
}
