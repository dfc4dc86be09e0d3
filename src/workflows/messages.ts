import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  ByCommand,
  ConfigureCommand,
  OpenBreakerCommand,
  PauseCommand,
  UnhaltCommand,
} from '../domain/publisher-commands';
import type { ReplayCommand } from '../domain/replay-commands';
import type { PublisherState } from '../domain/publisher-state';

/** The publisher's messages. Signals are fire-and-forget; the updates of the same names answer with the new state. */
export const stateQuery = defineQuery<PublisherState>('state');

export const wakeSignal = defineSignal<[unknown?]>('wake');
export const pauseSignal = defineSignal<[PauseCommand]>('pause');
export const resumeSignal = defineSignal<[ByCommand]>('resume');
export const openBreakerSignal = defineSignal<[OpenBreakerCommand]>('openBreaker');
export const resetBreakerSignal = defineSignal<[ByCommand]>('resetBreaker');
export const unhaltSignal = defineSignal<[UnhaltCommand]>('unhalt');

export const replaySignal = defineSignal<[ReplayCommand]>('replay');

export const pauseUpdate = defineUpdate<PublisherState, [PauseCommand]>('pause');
export const resumeUpdate = defineUpdate<PublisherState, [ByCommand]>('resume');
export const openBreakerUpdate = defineUpdate<PublisherState, [OpenBreakerCommand]>('openBreaker');
export const resetBreakerUpdate = defineUpdate<PublisherState, [ByCommand]>('resetBreaker');
export const unhaltUpdate = defineUpdate<PublisherState, [UnhaltCommand]>('unhalt');
export const configureUpdate = defineUpdate<PublisherState, [ConfigureCommand]>('configure');
export const replayUpdate = defineUpdate<PublisherState, [ReplayCommand]>('replay');
