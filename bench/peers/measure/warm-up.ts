import { now } from '../../harness/clock';
import { PAYLOAD_BYTES, makeEvents } from '../../load/events';
import { untilQuiet } from './drain';
import type { Rig } from './rig';

const FIRST_EVENTS = 500;
/** A peer that needs longer for its first events is not warmed up further: it would take minutes. */
const FIRST_MS = 5_000;

/** Unmeasured: connections open, code compiled, transactional ids known to the broker. Longer for peers that are fast. */
export async function warmUp(rig: Rig): Promise<void> {
  const began = now();
  await drain(rig, Math.min(FIRST_EVENTS, rig.options.sizes.warmUpEvents), 'warm-up');
  if (now() - began < FIRST_MS) await drain(rig, rig.options.sizes.warmUpEvents, 'warmed-up');
}

async function drain(rig: Rig, count: number, round: string): Promise<void> {
  const { peer, options, tenant, topics } = rig;
  await peer.idle();
  await rig.consumer.call('reset', undefined);
  const topic = topics.counted;
  const load = { seed: options.seed, count, tenants: [tenant], topic, round, payloadBytes: PAYLOAD_BYTES };
  await peer.backlog(makeEvents(load));
  const { count: arrived } = await untilQuiet(rig, count, options.sizes.capSeconds * 1_000);
  if (arrived >= count) return;
  rig.log(`${rig.name}: warm-up ended after ${arrived} of ${count}`);
  await peer.clear();
  await peer.start();
}
