/** How much had been published at one moment of `now()`. */
export interface Sample {
  readonly at: number;
  readonly published: number;
}

/**
 * Events per second of a backlog while it drained: from the first sample that holds some of it to the first that holds all. Start and end
 * of the drain are left out, so windows of different length compare. NaN for fewer than two samples in between.
 */
export function drainRate(samples: readonly Sample[], total: number): number {
  const first = samples.findIndex(({ published }) => published > 0);
  const done = samples.findIndex(({ published }) => published >= total);
  const [from, to] = [samples[first], samples[done === -1 ? samples.length - 1 : done]];
  if (from === undefined || to === undefined || to.at <= from.at) return NaN;
  return ((to.published - from.published) / (to.at - from.at)) * 1_000;
}
