import { TopicReader } from '../../../src/sinks/kafka/topic-reader';
import type { AuditedRecord } from '../../../src/sinks/kafka/topic-reader';
import { askBack } from '../../../src/postgres/relay/give-back';
import { SERVER } from '../../../src/postgres/relay/holds';
import { testServers } from '../../support/stack';
import { NO_MARK, ascending } from './facts';
import type { KafkaFacts, RowFacts } from './facts';
import type { ConformanceRig } from './rig';

const WAIT_MS = 15_000;

interface RelayRow {
  relay: number;
  fence: number;
  closed: number;
  recoveredOn: string | null;
  offset: number;
  mark: string;
}

/** Looks at the servers themselves, by other ways than the product's where there are any. */
export class Observer {
  readonly #ledgers: { readonly offset: number; readonly text: string }[][];
  readonly #logs: number[][];
  /** The model counts servers; these are their real names. */
  readonly #servers: string[] = [];

  private constructor(
    private readonly rig: ConformanceRig,
    private readonly reader: TopicReader,
    relays: number,
  ) {
    this.#ledgers = Array.from({ length: relays }, () => []);
    this.#logs = rig.topics.map(() => []);
  }

  static async open(rig: ConformanceRig, relays: number): Promise<Observer> {
    let observer: Observer | null = null;
    const topics = [...rig.topics, rig.kafka.ledgerTopic];
    const reader = await TopicReader.open({ brokers: testServers().kafkaBrokers }, topics, {
      committed: (topic, partition, record) => observer?.add(topic, partition, record),
      aborted: () => undefined,
    });
    observer = new Observer(rig, reader, relays);
    await observer.meetServer();
    return observer;
  }

  /** The real name of the server that answers. */
  get server(): string {
    return this.#servers.at(-1) ?? '';
  }

  /** To be called after each restart. */
  async meetServer(): Promise<void> {
    const { rows } = await this.rig.db.pool.query<{ server: string }>(`select ${SERVER} as server`);
    this.#servers.push(rows[0]?.server ?? '');
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  /** Reads until it is as expected, for markers are written some ms after they are decided; after a while it answers what there is. */
  async kafka(expected: KafkaFacts): Promise<KafkaFacts> {
    const until = Date.now() + WAIT_MS;
    for (;;) {
      this.reader.extend();
      await this.reader.readToEnd(0);
      const found = { ledgers: this.#ledgers.map((all) => all.map(({ text }) => text)), logs: this.#logs };
      if (JSON.stringify(found) === JSON.stringify(expected) || Date.now() > until) return found;
    }
  }

  async rows(): Promise<RowFacts> {
    const { db, ids, refs } = this.rig;
    const [events, publishers, relays, unsettled, notBack] = await Promise.all([
      db.pool.query<{ id: string; status: string }>('select event_id::text as id, status from outbox.events'),
      db.pool.query<{ tenant: string; owner: string | null; stopped: boolean; used: number }>(
        `select p.tenant_id as tenant, 'r' || p.owner_relay || '@' || p.owner_fence as owner, p.paused is not null as stopped,
           (coalesce((select sum(c.published) from outbox.relay_counts c where c.tenant_id = p.tenant_id), 0)
            + (select count(*) from outbox.unsettled u where u.tenant_id = p.tenant_id))::int as used
         from outbox.publishers p`,
      ),
      db.pool.query<RelayRow>(
        `select relay::int, fence::int, closed::int, recovered_on as "recoveredOn", ledger_offset::int as offset,
           concat(ledger_kind, ' s', ledger_seq, ' f', ledger_fence) as mark from outbox.relays`,
      ),
      db.pool.query<{ id: string }>('select event_id::text as id from outbox.unsettled'),
      Promise.all(refs.map(({ tenant }) => askBack(db.pool, tenant))),
    ]);
    return {
      events: ids.map((id) => events.rows.find((row) => row.id === id)?.status ?? 'absent'),
      publishers: refs.map((ref, at) => {
        const { owner = null, stopped = false, used = -1 } = publishers.rows.find((p) => p.tenant === ref.tenant) ?? {};
        return { owner, stopped, used, notBack: notBack[at] ?? -1 };
      }),
      relays: this.#ledgers.map((ledger, relay) => {
        const row = relays.rows.find((one) => one.relay === relay);
        const { fence = 0, closed = 0, recoveredOn = null, offset = -1, mark = NO_MARK } = row ?? {};
        const settledTo = ledger.filter((record) => record.offset <= offset).length;
        return { fence, closed, recoveredOn: this.#number(recoveredOn), settledTo, mark };
      }),
      unsettled: unsettled.rows.map(({ id }) => ids.indexOf(id) + 1).sort(ascending),
    };
  }

  #number(server: string | null): number {
    return server === null ? 0 : this.#servers.indexOf(server) + 1;
  }

  private add(topic: string, partition: number, { offset, value, headers }: AuditedRecord): void {
    const log = this.#logs[this.rig.topics.indexOf(topic)];
    if (log === undefined) {
      this.#ledgers[partition]?.push({ offset: Number(offset), text: this.#text(value ?? Buffer.alloc(0), partition) });
    } else log.push(this.rig.ids.indexOf(String(headers?.['event-id'])) + 1);
  }

  #text(value: Buffer, relay: number): string {
    const record = this.rig.codec.decode(value, relay);
    if (record.kind === 'barrier') return `barrier f${record.fence} S${this.#number(record.server)} N${record.relays}`;
    const members = record.groups.flatMap((group) => group.members);
    const ids = members.map(({ eventId }) => this.rig.ids.indexOf(eventId) + 1).sort(ascending);
    return `batch ${record.seq} f${record.fence}: ${ids.join(' ')}`;
  }
}
