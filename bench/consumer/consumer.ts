import type { EachBatchPayload } from 'kafkajs';
import { now } from '../harness/clock';
import { benchKafka } from '../harness/kafka';
import { serve } from '../harness/serve';

export interface Arrivals {
  readonly count: number;
  /** Events that came with the first answer that held any. */
  readonly firstCount: number;
  /** Moments of `now()` at which the first and the last event had arrived. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export type ConsumerCalls = ReturnType<typeof consumerCalls>;

const NOTHING: Arrivals = { count: 0, firstCount: 0, firstAt: 0, lastAt: 0 };

/**
 * A read_committed consumer of stock kafkajs that does as little as possible per event: events of one topic are counted,
 * of the other the time since the moment that their payload names is kept.
 */

export function consumerCalls() {
  let arrivals = NOTHING;
  const times = new Map<string, number[]>();

  const count = ({ messages }: EachBatchPayload['batch']): void => {
    const at = now();
    arrivals = {
      count: arrivals.count + messages.length,
      firstCount: arrivals.count === 0 ? messages.length : arrivals.firstCount,
      firstAt: arrivals.count === 0 ? at : arrivals.firstAt,
      lastAt: at,
    };
  };
  const time = ({ messages }: EachBatchPayload['batch']): void => {
    const at = now();
    for (const message of messages) {
      const { label, due } = JSON.parse(String(message.value)) as { readonly label: string; readonly due: number };
      times
        .set(label, times.get(label) ?? [])
        .get(label)
        ?.push(at - due);
    }
  };

  return {
    /** `more`: topics whose events are counted too. */
    async connect(input: {
      brokers: string;
      group: string;
      counted: string;
      timed: string;
      more?: string[];
    }): Promise<void> {
      const consumer = benchKafka(input.brokers).consumer({ groupId: input.group, readUncommitted: false });
      await consumer.connect();
      await consumer.subscribe({ topics: [input.counted, input.timed, ...(input.more ?? [])], fromBeginning: true });
      const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
      await consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => Promise.resolve(batch.topic === input.timed ? time(batch) : count(batch)),
      });
      await joined;
    },
    /** Forgets what was counted so far. */
    reset(): void {
      arrivals = NOTHING;
    },
    arrivals: (): Arrivals => arrivals,
    /** ms that each event of this label took from the moment it was due until it arrived here. */
    times: (label: string): readonly number[] => times.get(label) ?? [],
  };
}

serve(consumerCalls());
