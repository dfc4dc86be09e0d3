import type { EachBatchPayload } from 'kafkajs';
import { now } from '../../harness/clock';
import { benchKafka } from '../../harness/kafka';
import { serve } from '../../harness/serve';

export interface Arrivals {
  readonly count: number;
  /** Events that came with the first answer that held any. */
  readonly firstCount: number;
  /** Moments of `now()` at which the first and the last event had arrived. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Arrivals told apart by the number that each payload carries as `order`. */
export interface Identified {
  readonly total: number;
  readonly distinct: number;
  readonly lastAt: number;
}

export type PeersConsumerCalls = ReturnType<typeof consumerCalls>;

const NOTHING: Arrivals = { count: 0, firstCount: 0, firstAt: 0, lastAt: 0 };
const ORDER = /"order": ?(\d+)/;

/** A read_committed consumer of stock kafkajs, the same for every peer: three topics, three ways of looking. */

export function consumerCalls() {
  let arrivals = NOTHING;
  let identified = { total: 0, lastAt: 0 };
  let seen = new Set<number>();
  const times = new Map<number, number>();
  let headers: readonly string[] = [];

  const count = (messages: EachBatchPayload['batch']['messages']): void => {
    const at = now();
    arrivals = {
      count: arrivals.count + messages.length,
      firstCount: arrivals.count === 0 ? messages.length : arrivals.firstCount,
      firstAt: arrivals.count === 0 ? at : arrivals.firstAt,
      lastAt: at,
    };
  };
  const time = (messages: EachBatchPayload['batch']['messages']): void => {
    const at = now();
    for (const message of messages) {
      const { order, due } = JSON.parse(String(message.value)) as { readonly order: number; readonly due: number };
      if (!times.has(order)) times.set(order, at - due);
      headers = Object.keys(message.headers ?? {});
    }
  };
  const identify = (messages: EachBatchPayload['batch']['messages']): void => {
    for (const { value } of messages) seen.add(Number(ORDER.exec(String(value))?.[1]));
    identified = { total: identified.total + messages.length, lastAt: now() };
  };

  return {
    async connect(input: {
      brokers: string;
      group: string;
      counted: string;
      timed: string;
      identified: string;
    }): Promise<void> {
      const look = { [input.counted]: count, [input.timed]: time, [input.identified]: identify };
      const consumer = benchKafka(input.brokers).consumer({ groupId: input.group, readUncommitted: false });
      await consumer.connect();
      await consumer.subscribe({ topics: Object.keys(look), fromBeginning: true });
      const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
      await consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => Promise.resolve(look[batch.topic]?.(batch.messages)),
      });
      await joined;
    },
    /** Forgets what was counted and identified so far. */
    reset(): void {
      arrivals = NOTHING;
      identified = { total: 0, lastAt: 0 };
      seen = new Set();
    },
    arrivals: (): Arrivals => arrivals,
    identified: (): Identified => ({ ...identified, distinct: seen.size }),
    /** Events of the timed topic that have arrived. */
    timed: (): number => times.size,
    /** ms from the moment that each event was due until its first arrival, by `order`. */
    times: (): ReadonlyMap<number, number> => times,
    /** Names of the headers of the last message of the timed topic. */
    headers: (): readonly string[] => headers,
  };
}

serve(consumerCalls());
