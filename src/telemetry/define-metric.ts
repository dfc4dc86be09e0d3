/** Which process exposes a metric. `sweeper` is the one worker that holds the lock of the sweep, whatever their number. */
export type MetricOwner = 'every process' | 'api' | 'worker' | 'sweeper';

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly owner: MetricOwner;
  readonly labels: readonly string[];
}

export const define = <T extends MetricDefinition['type'], const L extends string = never>(
  type: T,
  name: string,
  owner: MetricOwner,
  help: string,
  ...labels: L[]
): { type: T; name: string; owner: MetricOwner; help: string; labels: L[] } => ({ type, name, owner, help, labels });
