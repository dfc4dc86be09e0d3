import type { Config } from '../config';
import type { LedgerState } from '../kafka/ledger/ledger-topic';
import { RelayKafka } from '../kafka/relay-kafka';
import { readLedgerKey } from '../postgres/relay/installation';
import type { Foundation } from './foundation';
import { kafkaOptions } from './kafka-options';

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

/** What a process without relays asks Kafka. */
export interface KafkaLook {
  /** True if Kafka answers within `timeoutMs`. */
  reachable(timeoutMs: number): Promise<boolean>;
  /** How the ledger's topic stands; null = it is missing. */
  ledger(): Promise<LedgerState | null>;
  close(): Promise<void>;
}

/** Connects when first asked. */
export function lookAtKafka(config: Config, foundation: Foundation): KafkaLook {
  let opened: ReturnType<typeof openRelayKafka> | null = null;
  const open = async (): ReturnType<typeof openRelayKafka> => {
    opened ??= openRelayKafka(config, foundation);
    try {
      return await opened;
    } catch (error) {
      // The database did not answer: the next question opens anew.
      opened = null;
      throw error;
    }
  };
  return {
    reachable: async (timeoutMs) => (await open()).kafka.reachable(timeoutMs),
    async ledger() {
      const { kafka, relays } = await open();
      return kafka.ledgerState({ partitions: relays, singleBroker: config.relays.singleBroker });
    },
    async close() {
      (await opened?.catch(() => null))?.kafka.close();
    },
  };
}
