import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../../domain/errors';
import type { RelayDeps } from '../deps';

/** A marker that takes longer, ms, is taken for one that cannot be written: as long as a Produce may take. */
const HANGS_MS = 2_500;
const LOOK_MS = 500;

/**
 * Beside a take-over: T1 waits for the markers of the relay's last transaction, for as long as a partition cannot take its own. Those lose their
 * admission, unless one is the ledger's: then Kafka is sick. `found` is called again and again while it hangs, until the take-over has ended.
 */
export async function whileHanging(
  { kafka, admission, observer }: Pick<RelayDeps, 'kafka' | 'admission' | 'observer'>,
  relay: number,
  over: AbortSignal,
  found: () => Promise<void>,
): Promise<void> {
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { signal: over }).catch(() => undefined);
  let told = false;
  await pause(HANGS_MS);
  for (; !over.aborted; await pause(LOOK_MS)) {
    try {
      const last = await kafka.describeTransaction(relay);
      if (last === null || !last.state.startsWith('Prepare')) continue;
      if (last.partitions.length === 0 || last.partitions.some(({ topic }) => topic === kafka.ledgerTopic)) continue;
      for (const { topic, partition } of last.partitions) {
        const why = `Partition ${partition} of topic "${topic}" takes no marker of a transaction. Check the brokers that hold it.`;
        admission.lost(topic, why);
      }
      if (!over.aborted) await found();
    } catch (error) {
      if (!told) observer.note('a take-over takes long, and why is not known', { relay, error: errorMessage(error) });
      told = true;
    }
  }
}
