import type { Bench } from '../harness/bench';
import { median } from '../harness/statistics';

/** Single-event transactions per second of all writers together. */
export interface WakeResult {
  readonly with: number;
  readonly without: number;
  readonly ratio: number;
}

/** Short windows, many pairs: what else the machine does then hits both kinds alike. */
const WINDOW_SHARE_MS = 250;

/**
 * Enqueueing with and without the trigger that wakes sleeping publishers, in turns, while the worker runs: it publishes
 * what is written either way, because the sweep finds it too.
 */
export async function measureWake(bench: Bench, tenants: readonly string[]): Promise<WakeResult> {
  const { sizes, seed } = bench.options;
  const { installation } = bench.servers;
  const window = (): Promise<number> =>
    bench.writers.call('write', {
      ms: sizes.windowSeconds * WINDOW_SHARE_MS,
      seed,
      tenants: [...tenants],
      topic: bench.countedTopic,
    });
  const trigger = async (what: 'enable' | 'disable'): Promise<void> => {
    await installation.query(`alter table outbox.events ${what} trigger wake_publishers`);
  };
  const rates = { with: [] as number[], without: [] as number[] };
  await window();
  try {
    for (let pair = 0; pair < sizes.wakePairs; pair += 1) {
      // Every other pair the other way round: the table grows, so the later window of a pair is the slower one.
      for (const which of pair % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const)) {
        await trigger(which === 'with' ? 'enable' : 'disable');
        const rate = await window();
        bench.log(`enqueue ${which} wakes: ${rate.toFixed(0)}/s`);
        rates[which].push(rate);
      }
    }
  } finally {
    await trigger('enable');
  }
  const [withWakes, without] = [median(rates.with), median(rates.without)];
  return { with: withWakes, without, ratio: withWakes / without };
}
