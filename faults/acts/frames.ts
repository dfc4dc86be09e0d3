import { setTimeout as delay } from 'node:timers/promises';
import type { ApiName } from '../proxy/kafka-frames';
import { endTxnCommits } from '../proxy/kafka-rules';
import type { ArmedRule, KafkaFault } from '../proxy/kafka-rules';
import { until } from '../harness/waiting';
import type { Scene } from '../runner/scenario';

/** The requests of a relay, in the order in which it makes them. */
export const RELAY_APIS = [
  'Metadata',
  'InitProducerId',
  'Fetch',
  'AddPartitionsToTxn',
  'Produce',
  'EndTxn',
] as const satisfies readonly ApiName[];

export const FRAME_FAULTS = ['drop-request', 'drop-answer', 'cut-request', 'cut-answer', 'hold'] as const;
export type FrameFault = `${(typeof RELAY_APIS)[number]}:${(typeof FRAME_FAULTS)[number]}`;

export const ALL_FRAME_FAULTS: readonly FrameFault[] = RELAY_APIS.flatMap((api) =>
  FRAME_FAULTS.map((kind): FrameFault => `${api}:${kind}`),
);

/** These are made only by a take-over, so one must be caused: by a commit whose outcome nobody knows. */
const OF_TAKE_OVERS: readonly ApiName[] = ['InitProducerId', 'Fetch', 'Metadata'];

/** A held request reaches the broker when the relay has long had a new epoch (its request time-out is 2 s). */
const HELD_MS = 5_000;

/** Loses, cuts or holds back one request or answer of a relay. */
export async function strikeFrame(scene: Scene, fault: FrameFault): Promise<void> {
  const { kafka } = scene.rig;
  if (kafka === null) throw new Error('frames can only be lost by the Kafka proxy, which this stack does not have');
  const [api, kind] = fault.split(':') as [ApiName, Exclude<KafkaFault['kind'], 'delay'>];
  await scene.strike(fault, async () => {
    const commits = endTxnCommits();
    const armed = kafka.add({ name: fault, api, fault: { kind }, ...(api === 'EndTxn' && { matches: commits }) });
    const doubt = OF_TAKE_OVERS.includes(api)
      ? kafka.add({ name: 'doubt', api: 'EndTxn', fault: { kind: 'close-request' }, matches: commits })
      : null;
    try {
      await untilItFired(scene, armed, api);
      if (kind === 'hold') await delay(HELD_MS);
    } finally {
      kafka.remove(armed);
      if (doubt !== null) kafka.remove(doubt);
    }
  });
}

async function untilItFired(scene: Scene, armed: ArmedRule, api: ApiName): Promise<void> {
  // A worker asks for metadata when it connects; connections that live know enough already.
  if (api === 'Metadata') scene.rig.kafka?.cut();
  await until(`${armed.rule.name} fired`, () => armed.fired > 0, 30_000);
}
