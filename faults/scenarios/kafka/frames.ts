import { ALL_FRAME_FAULTS, strikeFrame } from '../../acts/frames';
import type { FrameFault } from '../../acts/frames';
import type { Scenario } from '../../runner/scenario';

/** So many of the 30 are struck in a short run. */
const SOME = 10;
/** Shorter than this (s), a run is short. */
const SHORT = 10;

export const frames: Scenario = {
  name: 'frames',
  group: 'kafka',
  about:
    'each request of a relay (metadata, epoch, ledger read, partitions, sends, commit) lost, its answer lost, cut in mid-frame, or held back until long after the next epoch began; all in a short run a seeded choice',
  faults: (plan) => plan['order'] as readonly FrameFault[],
  plan: (random, seconds) => {
    const order = random.shuffled(ALL_FRAME_FAULTS);
    return { order: seconds < SHORT ? order.slice(0, SOME) : order };
  },
  limitSeconds: 420,
  traffic: { pauseMs: 40 },
  quick: true,
  async run(scene, plan) {
    for (const fault of plan['order'] as readonly FrameFault[]) await strikeFrame(scene, fault);
  },
};
