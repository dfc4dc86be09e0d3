import { setDefaultSignalHandler, setHandler } from '@temporalio/workflow';
import { checkConfigure } from '../domain/configure-check';
import {
  checkBy,
  checkByWhy,
  checkPause,
  checkUnhalt,
  configure,
  openBreaker,
  pause,
  recheck,
  resetBreaker,
  resume,
} from '../domain/publisher-commands';
import type { ByCommand } from '../domain/publisher-commands';
import { checkReplay, requestedReplay } from '../domain/replay-commands';
import type { ReplayCommand } from '../domain/replay-commands';
import type { PublisherState } from '../domain/publisher-state';
import * as messages from './messages';
import { badCommand, validator } from './refusals';

interface Box {
  state: PublisherState;
  changed: boolean;
  early: (() => void)[] | null;
}

/**
 * Carries out the orders that came before the publisher's row was read. They often start a workflow that was lost, and are newer
 * than what its row remembers: a reset of a breaker that the row holds open was undone when the row was read after it.
 */
export function carryOutEarly(box: Box): void {
  const early = box.early ?? [];
  box.early = null;
  for (const carryOut of early) carryOut();
}

/**
 * Registers all handlers. They only change the boxed state; the loop does the work. A signal with
 * arguments that make no sense is counted and dropped (throwing would wedge the workflow); an update is refused by its
 * validator, which leaves no trace in the history.
 */
export function registerHandlers(box: Box): void {
  const change = (next: PublisherState): PublisherState => {
    box.state = next;
    box.changed = true;
    return next;
  };
  const refuse = (): void => {
    const { counters } = box.state;
    box.state = { ...box.state, counters: { ...counters, refusedCommands: counters.refusedCommands + 1 } };
  };
  const signal =
    <T>(check: (command: unknown) => string | null, apply: (command: T) => PublisherState) =>
    (command: T): void => {
      if (check(command) !== null) refuse();
      else if (box.early === null) change(apply(command));
      else box.early.push(() => change(apply(command)));
    };
  /** At once, or as soon as the row is read: the answer is the state in force. */
  const order = (next: () => PublisherState): PublisherState | Promise<PublisherState> => {
    const { early } = box;
    if (early === null) return change(next());
    return new Promise((resolve, reject) => {
      early.push(() => {
        try {
          resolve(change(next()));
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  };

  setHandler(messages.stateQuery, () => box.state);
  setHandler(messages.wakeSignal, () => {
    const { counters, drain } = box.state;
    change({ ...box.state, counters: { ...counters, wakes: counters.wakes + 1 }, drain: { ...drain, woken: true } });
  });

  const now = (): number => Date.now();
  setHandler(
    messages.pauseSignal,
    signal(checkPause, (c) => pause(box.state, c, now())),
  );
  setHandler(
    messages.resumeSignal,
    signal(checkBy, () => resume(box.state)),
  );
  setHandler(
    messages.openBreakerSignal,
    signal(checkByWhy, (c) => openBreaker(box.state, c, now())),
  );
  setHandler(
    messages.resetBreakerSignal,
    signal<ByCommand>(checkBy, (c) => resetBreaker(box.state, c, now())),
  );

  setHandler(
    messages.unhaltSignal,
    signal(checkUnhalt, () => recheck(box.state)),
  );

  setHandler(messages.pauseUpdate, (c) => order(() => pause(box.state, c, now())), {
    validator: validator(checkPause),
  });
  setHandler(messages.resumeUpdate, () => order(() => resume(box.state)), { validator: validator(checkBy) });
  setHandler(messages.openBreakerUpdate, (c) => order(() => openBreaker(box.state, c, now())), {
    validator: validator(checkByWhy),
  });
  setHandler(messages.resetBreakerUpdate, (c) => order(() => resetBreaker(box.state, c, now())), {
    validator: validator(checkBy),
  });
  setHandler(messages.unhaltUpdate, () => order(() => recheck(box.state)), { validator: validator(checkUnhalt) });
  setHandler(messages.configureUpdate, (c) => order(() => configure(box.state, c, now())), {
    validator: validator(checkConfigure),
  });

  registerReplay(box, change, refuse);

  setDefaultSignalHandler(() => refuse());
}

/** Replays queue in the state, bounded: each command may carry a thousand ids. The loop stores them. */
function registerReplay(box: Box, change: (next: PublisherState) => PublisherState, refuse: () => void): void {
  setHandler(messages.replaySignal, (command) => {
    const next = checkReplay(command) === null ? requestedReplay(box.state, command) : null;
    if (next === null) refuse();
    else change(next);
  });
  setHandler(messages.replayUpdate, (command) => change(requestedReplay(box.state, command) ?? box.state), {
    validator: (command: unknown) => {
      const wrong = checkReplay(command) ?? tooMany(box.state, command as ReplayCommand);
      if (wrong !== null) throw badCommand(wrong);
    },
  });
}

function tooMany(state: PublisherState, command: ReplayCommand): string | null {
  return requestedReplay(state, command) === null
    ? 'too many replays are waiting to be stored: try again in a second'
    : null;
}
