import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { resolveHalted } from '../../../src/activities/halt/activity';
import { SessionCache } from '../../../src/activities/drain/session-cache';
import type { DrainOutcome } from '../../../src/domain/drain';
import type { HaltChoice, HaltOutcome } from '../../../src/domain/halt';
import { ledgerGroup } from '../../../src/domain/publisher';
import { readInstallId } from '../../../src/postgres/tenants';
import type { LedgerEntry, Sink } from '../../../src/sinks/sink';
import { readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { cleanedOf } from '../../support/misreading-sink';
import { testServers } from '../../support/stack';

export const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

export const TABLES = ['events', 'publishers', 'batches', 'replays', 'replay_events'];

/** What makes both sides contradict each other, and what an operator does; the rig is that of the test that runs. */
export function haltActs(rig: () => DrainRig) {
  /** What the log of the ledger has been cleaned of. */
  let gone: LedgerEntry | null = null;
  const sinkNow = (): Sink => (gone === null ? rig().sink : cleanedOf(rig().sink, gone));
  const decide = (choice: Exclude<HaltChoice, 'recheck'>, sink: Sink = sinkNow()): Promise<HaltOutcome> =>
    resolveHalted(rig().worker('operator', { sink }), {
      ...{ publisher: REF, choice, by: 'test', why: 'the copy is from yesterday' },
    });
  /** The real sink, but for these. */
  const sinkWith = (changes: Partial<Sink>): Sink => ({
    ledgerRetentionMs: () => rig().sink.ledgerRetentionMs(),
    reachable: (ms) => rig().sink.reachable(ms),
    ledgerState: () => rig().sink.ledgerState(),
    ledgerLogProblem: () => rig().sink.ledgerLogProblem(),
    peekLedger: (ref) => rig().sink.peekLedger(ref),
    findMessages: (ref, search) => rig().sink.findMessages(ref, search),
    open: (ref) => sinkNow().open(ref),
    close: () => Promise.resolve(),
    ...changes,
  });
  const drain = (): Promise<DrainOutcome> => {
    const sink = sinkNow();
    return rig().drain(rig().worker(randomUUID(), { sink, sessions: new SessionCache(sink, 8) }));
  };
  const halts = async (why: string): Promise<void> =>
    expect(await drain()).toMatchObject({
      end: 'halted',
      failure: { message: expect.stringContaining(why) as string },
    });

  async function backup(): Promise<void> {
    for (const table of TABLES) {
      await rig().db.pool.query(`create table copy_${table} as select * from outbox.${table}`);
    }
  }
  async function restore(): Promise<void> {
    for (const table of TABLES) {
      await rig().db.pool.query(`truncate outbox.${table} cascade`);
      await rig().db.pool.query(`insert into outbox.${table} overriding system value select * from copy_${table}`);
    }
    await rig().db.pool.query(
      `select setval(pg_get_serial_sequence('outbox.events', 'event_id'), max(event_id)) from outbox.events`,
    );
  }
  /** Members of the batch that both sides name as the last one. */
  async function lastMembers(): Promise<string[] | undefined> {
    const { rows } = await rig().db.pool.query<{ ids: string[] }>(
      `select b.event_ids::text[] as ids from outbox.batches b join outbox.publishers p using (tenant_id, destination, shard)
       where p.tenant_id = 'acme' and b.seq = p.settled`,
    );
    return rows[0]?.ids;
  }
  /** As another program might, or this one in a life that Postgres knows nothing of. */
  async function writeLedger(seq: number, batchId: string): Promise<void> {
    const session = rig().sink.open(REF);
    await session.takeOver();
    await session.publish({ batchId, seq, events: [] }, { deadlineMs: 8_000 });
    await session.discard();
  }
  /** And has the log cleaned of it. */
  async function deleteLedger(): Promise<void> {
    gone = await rig().sink.peekLedger(REF);
    const admin = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteGroups([ledgerGroup(await readInstallId(rig().db.pool), REF)]);
    await admin.disconnect();
  }
  async function dropMessages(before: (partition: number, high: number) => number): Promise<void> {
    const admin = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const partitions = (await admin.fetchTopicOffsets(rig().topic)).map(({ partition, high }) => {
      return { partition, offset: String(Math.max(0, before(partition, Number(high)))) };
    });
    await admin.deleteTopicRecords({ topic: rig().topic, partitions });
    await admin.disconnect();
  }
  /** How often each event is in the topic. */
  async function copies(expected: number): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { eventId } of await readTopic(rig().topic, expected))
      counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
    return counts;
  }

  /** 10 published; a copy with 250 pending; these published in 3 batches; 5 stored and published that the copy lacks. */
  async function restoreOlderCopy(): Promise<{ first: string[]; pending: string[] }> {
    const first = await rig().store('acme', 10);
    await drain();
    const pending = await rig().store('acme', 250);
    await backup();
    await drain();
    await rig().store('acme', 5);
    await drain();
    await restore();
    return { first, pending };
  }

  return {
    decide,
    sinkWith,
    drain,
    halts,
    backup,
    restore,
    lastMembers,
    writeLedger,
    deleteLedger,
    dropMessages,
    copies,
    restoreOlderCopy,
  };
}
