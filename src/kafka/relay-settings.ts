import { withDefaults } from '../sinks/kafka/options';
import type { KafkaSettings, KafkaOptions } from '../sinks/kafka/options';
import { LedgerCodec } from './ledger/record';

export interface RelayKafkaOptions extends KafkaOptions {
  /** Name of the installation (`OUTBOX_INSTALLATION`): the first part of every transactional id. */
  readonly installation: string;
  /** 32 bytes that are kept with the database: records of the ledger are sealed with it. */
  readonly ledgerKey: Uint8Array;
  /** A Produce without an answer for so long (ms) retires its producer. Default 2.5 s. */
  readonly produceTimeoutMs?: number;
}

/** What relays add to the settings of connections and topics. There, `ledgerTopic` is the relays' own. */
export interface RelaySettings {
  readonly kafka: KafkaSettings;
  readonly installation: string;
  readonly produceTimeoutMs: number;
  readonly codec: LedgerCodec;
}

/** @throws OutboxError CONFIG_INVALID, as withDefaults. */
export function relaySettings(options: RelayKafkaOptions): RelaySettings {
  const { installation, ledgerKey, produceTimeoutMs = 2_500, ...sink } = options;
  const base = withDefaults(sink);
  const ledgerTopic = `${base.ledgerTopic}.${base.installId}`;
  const isLedger = (topic: string): boolean => topic === base.ledgerTopic || topic.startsWith(`${base.ledgerTopic}.`);
  const { topics } = base;
  return {
    // No tenant writes into a ledger, be it another installation's.
    kafka: {
      ...base,
      ledgerTopic,
      topics: { ...topics, isAllowed: (topic) => !isLedger(topic) && topics.isAllowed(topic) },
    },
    installation,
    produceTimeoutMs,
    codec: new LedgerCodec(ledgerKey, base.installId),
  };
}

/** A pure function of the installation and the relay: an older producer of the relay is fenced by it. */
export function relayTransactionalId({ installation, kafka }: RelaySettings, relay: number): string {
  return `${installation}.${kafka.installId}.relay-${relay}`;
}

/** Value of the header x-producer-id. */
export function producerName(installId: string, relay: number, seq: number): string {
  return `${installId}/relay-${relay}@${seq}`;
}
