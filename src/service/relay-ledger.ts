import type { Config } from '../config';
import { OutboxError } from '../domain/errors';
import type { LedgerState } from '../kafka/ledger/ledger-topic';
import { RelayKafka } from '../kafka/relay-kafka';
import { readLedgerKey, rememberLedger } from '../postgres/relay/installation';
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

/**
 * How many relays there are to be. Rejects a lower number than there are: batches of every relay are in the ledger, and a restored database may
 * need each.
 */
export function wantedRelays(config: Config, present: number): number {
  const wanted = config.relays.total ?? present;
  if (wanted >= present) return wanted;
  throw new OutboxError(
    'CONFIG_INVALID',
    `OUTBOX_RELAYS_TOTAL is ${wanted}, but there are ${present} relays, and none can be taken away. Set it to ${present} or more, or unset it.`,
  );
}

/**
 * Makes the ledger's topic, or gives it the partitions that it lacks, and remembers its identity: before anything is published, so that one
 * that is made anew later is noticed.
 */
export async function prepareLedger(config: Config, foundation: Foundation): Promise<LedgerState> {
  const { kafka, relays } = await openRelayKafka(config, foundation);
  try {
    const { singleBroker } = config.relays;
    const state = await kafka.ensureLedger({ partitions: wantedRelays(config, relays), singleBroker, grows: true });
    const id = await kafka.ledgerId();
    if (id !== null) await rememberLedger(foundation.pool, id);
    return state;
  } finally {
    kafka.close();
  }
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
      return kafka.ledgerState({
        partitions: Math.max(relays, config.relays.total ?? 0),
        singleBroker: config.relays.singleBroker,
      });
    },
    async close() {
      (await opened?.catch(() => null))?.kafka.close();
    },
  };
}
