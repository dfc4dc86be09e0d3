import {
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
import { checkPauseAll, checkResumeAll, nextLookMs, pauseAllOf, resumeAllOf } from '../domain/everything';
import type {
  EverythingActivities,
  EverythingCommand,
  EverythingInput,
  EverythingNow,
  EverythingView,
  ResumeAllCommand,
} from '../domain/everything';
import type { PauseCommand } from '../domain/publisher-commands';
import { describeEverything } from './everything-details';
import { InTurn, commandIdOf } from './in-turn';
import { mustContinue } from './must-continue';
import { badCommand, notAnswered, validator } from './refusals';

const TRIES = { initialInterval: '200ms', maximumInterval: '10s' } as const;
const { lookAtEverything } = proxyLocalActivities<EverythingActivities>({ startToCloseTimeout: '40s', retry: TRIES });
/** Given up after a time, so that it cannot keep the run from ever continuing as new. */
const { changeEverything } = proxyLocalActivities<EverythingActivities>({
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '30s',
  retry: TRIES,
});

interface Box {
  view: EverythingView;
  /** The row may be another one than the view says; ends a wait. */
  changed: boolean;
}

/**
 * Pauses and resumes all tenants by plain commands, and shows whether they are paused. It owns nothing: a row in Postgres decides, so it
 * may be terminated or lost, and everything stays as it is; a reset carries out again the signals that it re-applies. The leader of the sweep starts it, and wakes it when the row changes.
 */
export async function everything(input: EverythingInput = {}): Promise<void> {
  const view = input.view ?? { paused: null, running: 0, at: null, refusedCommands: 0 };
  const box: Box = { view, changed: true };
  registerHandlers(box);
  for (let idle = 0; ;) {
    if (mustContinue(input)) {
      await continueAsNew<typeof everything>({ ...input, view: box.view });
    }
    if (box.changed) {
      box.changed = false;
      const now = await lookAtEverything();
      // What came meanwhile is newer than this look, which is repeated then.
      if (!box.changed) show(box, now);
    }
    setCurrentDetails(describeEverything(box.view));
    const due = (): boolean => box.changed || mustContinue(input);
    const ms = nextLookMs(box.view, idle, Date.now());
    if (ms === null) await condition(due);
    else if (!(await condition(due, ms, { summary: 'until the next look' }))) {
      box.changed = true;
      idle += 1;
      continue;
    }
    // Somebody changed something: a pause that begins is looked at often.
    idle = 0;
  }
}

function show(box: Box, now: EverythingNow): void {
  box.view = { ...box.view, ...now, at: Date.now() };
}

function registerHandlers(box: Box): void {
  const turns = new InTurn();
  const refuse = (): void => {
    box.view = { ...box.view, refusedCommands: box.view.refusedCommands + 1 };
  };
  /** Null when it is done, or why not. */
  const carryOut = async (command: EverythingCommand): Promise<string | null> => {
    const commandId = commandIdOf(command.name);
    const outcome = await turns
      .run(() => changeEverything(command, commandId))
      .catch((error: unknown) => ({ kind: 'refused', why: notAnswered(error) }) as const);
    if (outcome.kind === 'done') show(box, outcome.now);
    box.changed = true;
    return outcome.kind === 'done' ? null : outcome.why;
  };
  const register = <C>(
    name: string,
    check: (command: unknown) => string | null,
    commandOf: (command: C) => EverythingCommand,
  ): void => {
    const checked = (command: unknown): string | null => check(command) ?? turns.full;
    setHandler(defineSignal<[C]>(name), async (command) => {
      if (checked(command) !== null || (await carryOut(commandOf(command))) !== null) refuse();
    });
    const update = async (command: C): Promise<EverythingView> => {
      const wrong = await carryOut(commandOf(command));
      if (wrong !== null) throw badCommand(wrong);
      return box.view;
    };
    setHandler(defineUpdate<EverythingView, [C]>(name), update, { validator: validator(checked) });
  };

  setHandler(defineQuery<EverythingView>('state'), () => box.view);
  setHandler(defineSignal<[unknown?]>('wake'), () => {
    box.changed = true;
  });
  register<PauseCommand>('pause', checkPauseAll, pauseAllOf);
  register<ResumeAllCommand>('resume', checkResumeAll, resumeAllOf);
  setDefaultSignalHandler(() => refuse());
}
