import {
  ActivityFailure,
  CancellationScope,
  TimeoutFailure,
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Sinks } from '@temporalio/workflow';
import type { Outcome, SpikeInput } from './shapes';

export const wake = defineSignal('wake');
export const outcome = defineSignal<[Outcome]>('outcome');
export const renew = defineSignal('renew');

interface SpikeActivities {
  returns(): Promise<Outcome>;
  detached(kind: 'here' | 'elsewhere', holdMs: number): Promise<Outcome>;
  attach(kind: 'signal' | 'local-signal' | 'unpolled', activityId: string): Promise<void>;
  stuck(): Promise<Outcome>;
}

export interface SpikeSinks extends Sinks {
  spike: { done(result: string): void };
}

const { spike: told } = proxySinks<SpikeSinks>();
const local = proxyLocalActivities<SpikeActivities>({ startToCloseTimeout: '5s' });

interface Box {
  woken: boolean;
  renewed: boolean;
  outcomes: Outcome[];
}

/** One publisher: sleeps until it is woken, then one drain, then again. */
export async function spike(input: SpikeInput): Promise<void> {
  const box: Box = { woken: input.woken ?? false, renewed: false, outcomes: [] };
  setHandler(wake, () => void (box.woken = true));
  setHandler(outcome, (ended) => void box.outcomes.push(ended));
  setHandler(renew, () => void (box.renewed = true));
  // A cancelled workflow waits for its drain, as the product's does.
  const renewed = CancellationScope.nonCancellable(() => condition(() => box.renewed)).then(() => 'renewed');
  for (let turn = 1; ; turn += 1) {
    await condition(() => box.woken || box.renewed);
    if (box.renewed || workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof spike>({ ...input, woken: box.woken });
    }
    box.woken = false;
    const drained = drain(input, turn, box).then((result) => JSON.stringify(result), described);
    const result = await Promise.race([drained, renewed]);
    if (result !== 'renewed') told.done(result);
  }
}

async function drain(input: SpikeInput, turn: number, box: Box): Promise<Outcome> {
  const { kind, holdMs } = input;
  const activityId = `${workflowInfo().runId.slice(0, 8)}-${turn}`;
  const options = {
    startToCloseTimeout: input.startToCloseMs,
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED' as const,
    allowEagerDispatch: input.eager,
    ...(input.ids === 'chosen' && { activityId }),
  };
  const activities = proxyActivities<SpikeActivities>(options);
  switch (kind) {
    case 'returns':
      return activities.returns();
    case 'here':
    case 'elsewhere':
      return activities.detached(kind, holdMs);
    case 'stuck':
      return activities.stuck();
    case 'local':
      return local.returns();
    case 'unpolled': {
      await local.attach(kind, activityId);
      const taskQueue = `${workflowInfo().taskQueue}-nobody`;
      return proxyActivities<SpikeActivities>({ ...options, activityId, taskQueue }).detached('elsewhere', 0);
    }
    case 'signal':
    case 'local-signal':
      await (kind === 'signal' ? activities : local).attach(kind, activityId);
      await condition(() => box.outcomes.length > 0);
      return box.outcomes.shift() ?? { published: 0 };
  }
}

/** The classes that a workflow's catch sees, outermost first. */
function described(error: unknown): string {
  if (!(error instanceof ActivityFailure)) return String(error);
  const { cause } = error;
  const type = cause instanceof TimeoutFailure ? ` ${cause.timeoutType}` : '';
  return `ActivityFailure(${error.retryState}) < ${cause?.constructor.name ?? 'nothing'}${type}`;
}
