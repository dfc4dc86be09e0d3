import { Partitioners } from 'kafkajs';
import type { Message, PartitionMetadata, Producer } from 'kafkajs';
import { benchKafka } from '../harness/kafka';
import { serve } from '../harness/serve';
import { PAYLOAD_BYTES, makeEvents } from '../load/events';
import { asMessage } from '../load/message';

export type RawProducerCalls = ReturnType<typeof rawProducerCalls>;

/** Events of one guarded send: kafkajs copies arrays per message, so larger sends get slower. */
const SEND_EVENTS = 1_000;
/** The events of a send to one partition are one record batch, which a broker refuses above 1 MiB by default. */
const SEND_BYTES = 900_000;
/** Key, headers and framing of an event, upper bound. */
const AROUND_BYTES = 600;

type Send = readonly Message[];

/**
 * Unmodified kafkajs with one transactional producer, doing by hand what a careful publisher has to: the partition chosen
 * beforehand, one send per partition, its answer checked. No database, no ledger, nothing to read: the most that a
 * publisher on kafkajs could reach.
 */

export function rawProducerCalls() {
  let producer: Producer | null = null;
  let transactions: Send[][] = [];

  return {
    async connect(input: { brokers: string; transactionalId: string }): Promise<void> {
      producer = benchKafka(input.brokers).producer({
        transactionalId: input.transactionalId,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: Partitioners.DefaultPartitioner,
      });
      await producer.connect();
    },

    /** Makes the messages of a round in memory: making them is no part of what is measured. */
    prepare(input: {
      seed: number;
      count: number;
      tenants: string[];
      topic: string;
      round: string;
      partitions: number;
      transactionEvents: number;
      payloadBytes?: number;
    }): void {
      const choose = Partitioners.DefaultPartitioner();
      const partitionMetadata = Array.from({ length: input.partitions }, (_, id) => partition(id));
      const messages = makeEvents(input).map((event, index) => {
        const message = asMessage(event, index);
        return { ...message, partition: choose({ topic: input.topic, partitionMetadata, message }) };
      });
      const fitting = Math.floor(SEND_BYTES / ((input.payloadBytes ?? PAYLOAD_BYTES) + AROUND_BYTES));
      const sendEvents = Math.min(SEND_EVENTS, fitting);
      transactions = slices(messages, input.transactionEvents).map((all) => sendsOf(all, input.partitions, sendEvents));
    },

    async send(input: { topic: string }): Promise<void> {
      if (producer === null) throw new Error('not connected');
      for (const sends of transactions) {
        const transaction = await producer.transaction();
        for (const messages of sends) {
          const answers = await transaction.send({ topic: input.topic, messages: [...messages], acks: -1 });
          if (answers.length !== 1 || answers[0]?.partition !== messages[0]?.partition) {
            throw new Error('the broker answered for other partitions than were sent');
          }
        }
        await transaction.commit();
      }
      transactions = [];
    },
  };
}

function sendsOf(messages: readonly Message[], partitions: number, sendEvents: number): Send[] {
  return Array.from({ length: partitions }, (_, id) => messages.filter((message) => message.partition === id)).flatMap(
    (ofPartition) => slices(ofPartition, sendEvents),
  );
}

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

function partition(partitionId: number): PartitionMetadata {
  return { partitionId, partitionErrorCode: 0, leader: 1, replicas: [1], isr: [1] };
}

serve(rawProducerCalls());
