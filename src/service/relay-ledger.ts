import type { Config } from '../config';
import type { LedgerState } from '../kafka/ledger/ledger-topic';
import { RelayKafka } from '../kafka/relay-kafka';
import { readLedgerKey } from '../postgres/relay/installation';
import type { Foundation } from './foundation';
import { kafkaOptions } from './sink';

/** Kafka for the relays of a process. The key of the ledger is in the database. */
export async function openRelayKafka(
  config: Config,
  foundation: Foundation,
): Promise<{ readonly kafka: RelayKafka; readonly relays: number }> {
  const { key, relays } = await readLedgerKey(foundation.pool);
  const kafka = new RelayKafka({
    ...kafkaOptions(config, foundation),
    installation: 'outbox',
    ledgerKey: key,
  });
  return { kafka, relays };
}

/** Looks at the ledger's topic for a process that has no relays. Connects when first asked. */
export function relayLedgerOf(
  config: Config,
  foundation: Foundation,
): { state(): Promise<LedgerState | null>; close(): Promise<void> } {
  let opened: ReturnType<typeof openRelayKafka> | null = null;
  return {
    async state() {
      opened ??= openRelayKafka(config, foundation);
      try {
        const { kafka, relays } = await opened;
        return await kafka.ledgerState({ partitions: relays, singleBroker: config.relays.singleBroker });
      } catch (error) {
        const failed = await opened.catch(() => null);
        // The database did not answer: the next question opens anew.
        if (failed === null) opened = null;
        throw error;
      }
    },
    async close() {
      (await opened?.catch(() => null))?.kafka.close();
    },
  };
}
