/**
 * What relays may rely on in Kafka, asked of three real brokers: `run.ts probe | marker | coordinator | retire [1 | 3]`, the number being the
 * replicas of the coordinators' log. Prints what each step
 * was answered; docs/decisions/0017 draws the conclusions. Minutes each; kills and freezes only its own brokers.
 */
import { SpikeCluster } from './cluster';
import { coordinatorSpike, markerSpike } from './marker';
import { probeSpike } from './probe';
import { retireSpike } from './retire';

const SPIKES = { probe: probeSpike, marker: markerSpike, coordinator: coordinatorSpike, retire: retireSpike };

async function main(): Promise<void> {
  const chosen = process.argv[2] ?? '';
  const spike = SPIKES[chosen as keyof typeof SPIKES];
  if (spike === undefined) throw new Error(`which spike? One of ${Object.keys(SPIKES).join(', ')}`);
  const cluster = await SpikeCluster.start(process.argv[3] === '3' ? 3 : 1);
  const began = performance.now();
  try {
    await spike(cluster, (line) =>
      console.log(`[${((performance.now() - began) / 1000).toFixed(1).padStart(6)}] ${line}`),
    );
  } finally {
    await cluster.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
