import { TopicReader } from '../../../src/sinks/kafka/topic-reader';
import type { Scenario, Scene } from '../../runner/scenario';

export const terminateUnderLoad: Scenario = {
  name: 'terminate-under-load',
  group: 'worker',
  about:
    'SIGTERM of all workers under load: each exits 0 and leaves no transaction open (last stable offset = high watermark)',
  faults: ['all_workers_terminated'],
  traffic: { pauseMs: 20 },
  quick: true,
  async run(scene) {
    let workers = [...scene.workers];
    for (let round = 0; round < 2; round += 1) {
      await scene.traffic.reached(scene.traffic.acknowledged.length + 50);
      await scene.strike('all_workers_terminated', async (fired) => {
        const ended = await Promise.all(workers.map(({ child }) => child.stop()));
        fired(`SIGTERM to ${workers.length}`);
        const wrong = workers.filter((_, index) => ended[index]?.code !== 0);
        if (wrong.length > 0) throw new Error(`SIGTERM ended otherwise than with 0:\n${wrong[0]?.child.logTail()}`);
        await nothingLeftOpen(scene);
        workers = [await scene.worker(), await scene.worker()];
      });
    }
  },
};

/** Reads to the end at once, without patience for open transactions: with all workers gone nobody would end them. */
async function nothingLeftOpen(scene: Scene): Promise<void> {
  const nobody = { committed: () => undefined, aborted: () => undefined };
  const brokers = scene.servers.addresses.kafkaBrokers.split(',');
  const reader = await TopicReader.open({ clientId: 'fault-harness', brokers }, scene.topics, nobody);
  try {
    // A moment for the broker to write the markers of commits that it has acknowledged.
    const open = await reader.readToEnd(1_000);
    if (open.length > 0) throw new Error(`transactions were left open: ${JSON.stringify(open)}`);
  } finally {
    await reader.close();
  }
}
