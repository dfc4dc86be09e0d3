import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyLocalActivities,
  setCurrentDetails,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import { checkWish, hasEnded, hasMoved, paceMs, wish } from '../domain/replay-workflow';
import type { ReplayActivities, ReplayInput, ReplayView, ReplayWish } from '../domain/replay-workflow';
import type { ReplayStatus } from '../domain/replay';
import { mustContinue } from './must-continue';
import { validator } from './refusals';
import { describeReplay } from './replay-details';

interface ByWhy {
  readonly by: string;
  readonly why: string;
}

const stateQuery = defineQuery<ReplayView>('state');
const COMMANDS = [
  ['pause', 'paused'],
  ['resume', 'running'],
  ['cancel', 'cancelled'],
] as const;

const local = proxyLocalActivities<ReplayActivities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '500ms', maximumInterval: '10s' },
});

interface Box {
  view: ReplayView;
  /** Set by every handler; ends a wait. */
  changed: boolean;
}

/**
 * One replay: feeds its lane in small steps and shows how far it is. It sends nothing, and it may be terminated, reset or lost: what
 * it does is decided by the replay's row, and the sweep starts it again while that row is not at its end.
 */
export async function replay(input: ReplayInput): Promise<ReplayStatus | null> {
  const { tenant, replayId } = input;
  const box: Box = {
    view: input.view ?? { tenant, replayId, status: null, wanted: null, refusedCommands: 0 },
    changed: false,
  };
  registerHandlers(box);
  for (let idle = 0; ;) {
    if (mustContinue(input)) await continueAsNew<typeof replay>({ ...input, view: box.view });
    box.changed = false;
    const { wanted } = box.view;
    if (wanted !== null) {
      await local.changeReplay({ tenant, replayId }, wanted);
      // A wish that came meanwhile is the next one.
      if (box.view.wanted === wanted) box.view = { ...box.view, wanted: null };
    }
    const before = box.view.status;
    const visit = await local.visitReplay({ tenant, replayId }, idle);
    box.view = { ...box.view, status: visit.replay };
    setCurrentDetails(describeReplay(box.view));
    if (hasEnded(visit.replay)) {
      await condition(allHandlersFinished);
      return visit.replay;
    }
    if (visit.more || box.view.wanted !== null) continue;
    idle = hasMoved(before, visit.replay) ? 0 : idle + 1;
    await waitForNext(box, visit.replay, paceMs(idle, visit.waitMs));
  }
}

/** A paused replay waits without a timer: whoever resumes it asks the sweep for a wake. */
async function waitForNext(box: Box, status: ReplayStatus | null, ms: number): Promise<void> {
  if (status?.state === 'paused' && status.pending === 0) await condition(() => box.changed);
  else await condition(() => box.changed, ms, { summary: 'until the next look' });
}

function registerHandlers(box: Box): void {
  const want = (wanted: ReplayWish): ReplayView => {
    box.view = wish(box.view, wanted);
    box.changed = true;
    return box.view;
  };
  const refuse = (): void => {
    box.view = { ...box.view, refusedCommands: box.view.refusedCommands + 1 };
  };
  setHandler(stateQuery, () => box.view);
  setHandler(defineSignal<[unknown?]>('wake'), () => {
    box.changed = true;
  });
  for (const [name, state] of COMMANDS) {
    setHandler(defineSignal<[ByWhy]>(name), (command) => {
      if (checkWish(command) === null) want({ state, by: command.by, why: command.why });
      else refuse();
    });
    setHandler(defineUpdate<ReplayView, [ByWhy]>(name), ({ by, why }) => want({ state, by, why }), {
      validator: validator(checkWish),
    });
  }
  setDefaultSignalHandler(() => refuse());
}
