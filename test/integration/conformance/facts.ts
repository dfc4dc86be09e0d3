import { isOwned } from '../../../model/relay/server';
import { publisherOf } from '../../../model/relay/scope';
import type { Scope } from '../../../model/relay/scope';
import type { Record, World } from '../../../model/relay/world';

/** What anybody can see of Kafka, by the model's names. */
export interface KafkaFacts {
  /** Of each relay's partition, what `read_committed` readers see. */
  readonly ledgers: readonly (readonly string[])[];
  /** Of each publisher's topic, the same: ids of events. */
  readonly logs: readonly (readonly number[])[];
}

/** What anybody can see of Postgres, by the model's names. */
export interface RowFacts {
  readonly events: readonly string[];
  readonly publishers: readonly {
    readonly owner: string | null;
    readonly stopped: boolean;
    /** Totals and what waits to be marked. */
    readonly used: number;
    /** 0 = nothing of it can be on its way: a pause is complete. */
    readonly notBack: number;
  }[];
  readonly relays: readonly {
    readonly fence: number;
    readonly closed: number;
    readonly recoveredOn: number;
    /** Records of its partition up to L, and what L remembers of the last of them. */
    readonly settledTo: number;
    readonly mark: string;
  }[];
  readonly unsettled: readonly number[];
}

export const NO_MARK = 'none s0 f0';

export function kafkaFactsOf(scope: Scope, { kafka }: World): KafkaFacts {
  return {
    ledgers: kafka.ledgers.map(({ records }) => records.map(recordText)),
    logs: Array.from({ length: scope.publishers }, (_, publisher) =>
      kafka.log.flatMap(({ id }) => (publisherOf(scope, id) === publisher ? [id] : [])),
    ),
  };
}

/** `ahead`: relays whose L the product has moved by more records at once than the model, and how far. */
export function rowFactsOf({ pg, kafka }: World, ahead: ReadonlyMap<number, number>): RowFacts {
  const unrecovered = pg.relays.filter(({ recoveredOn }, relay) => relay < pg.n && recoveredOn !== pg.id).length;
  const hasRelay = pg.relays.some(({ fence }) => fence > 0);
  return {
    events: pg.events.map(({ status }) => status),
    publishers: pg.publishers.map(({ owner, stopped, used }, publisher) => ({
      owner: owner === null ? null : `r${owner.relay}@${owner.fence}`,
      ...{ stopped, used, notBack: (isOwned(pg, publisher) ? 1 : 0) + (hasRelay ? unrecovered : 0) },
    })),
    relays: pg.relays.map(({ fence, closed, recoveredOn, settledTo: moved }, relay) => {
      const records = kafka.ledgers[relay]?.records ?? [];
      const settledTo = Math.max(moved, ahead.get(relay) ?? 0);
      return { fence, closed, recoveredOn, settledTo, mark: markOf(records.slice(0, settledTo)) };
    }),
    unsettled: pg.unsettled.map(({ id }) => id).sort(ascending),
  };
}

function markOf(settled: readonly Record[]): string {
  const last = settled.at(-1);
  const seq = settled.reduce((highest, record) => (record.kind === 'batch' ? record.seq : highest), 0);
  return last === undefined ? NO_MARK : `${last.kind} s${seq} f${last.fence}`;
}

function recordText(record: Record): string {
  if (record.kind === 'barrier') return `barrier f${record.fence} S${record.server} N${record.n}`;
  return `batch ${record.seq} f${record.fence}: ${record.members.map(({ id }) => id).join(' ')}`;
}

export function ascending(a: number, b: number): number {
  return a - b;
}
