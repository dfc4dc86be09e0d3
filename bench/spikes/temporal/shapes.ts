/** How a wake's drain runs and how its outcome comes back. */
export type Kind =
  /** One activity that returns by itself. */
  | 'returns'
  /** An activity that throws CompleteAsyncError; its own process completes it by address. */
  | 'here'
  /** The same, completed from another process. */
  | 'elsewhere'
  /** A local activity that returns by itself. */
  | 'local'
  /** Attach in a local activity, then an activity in a queue that nobody polls, completed by address. */
  | 'unpolled'
  /** An activity that returns when attached; the outcome comes as a signal. */
  | 'signal'
  /** A local activity that returns when attached; the outcome comes as a signal. */
  | 'local-signal'
  /** An activity that never answers: what a worker leaves that is killed between start and attach. */
  | 'stuck';

export interface SpikeInput {
  readonly kind: Kind;
  readonly eager: boolean;
  readonly startToCloseMs: number;
  /** Names of activities: `chosen` is unique over the runs of a chain, `default` is the SDK's number within the run. */
  readonly ids: 'chosen' | 'default';
  /** How long the activity's own process waits before it completes it (kind `here`). */
  readonly holdMs: number;
  /** True in a run that continues another one and has a wake left over. */
  readonly woken?: boolean;
}

/** Where an open activity is completed. */
export interface Address {
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
}

export interface Outcome {
  readonly published: number;
}

/** What a worker's process tells the driver. */
export type Report =
  | { readonly report: 'attached'; readonly kind: Kind; readonly address: Address; readonly at: number }
  | { readonly report: 'done'; readonly workflowId: string; readonly runId: string; readonly result: string }
  | { readonly report: 'ready' };

/** What the driver gives a worker's process as its argument. */
export interface WorkerSettings {
  readonly address: string;
  readonly taskQueue: string;
  readonly stickyMs: number;
  readonly cached: number;
}
