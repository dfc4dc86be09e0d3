import { randomUUID } from 'node:crypto';
import { ledgerGroup } from '../../../../src/domain/publisher';
import { CODE, isAnswer } from '../../../../src/sinks/kafka/answer-error';
import { Connections } from '../../../../src/sinks/kafka/connections';
import { offsetFetch } from '../../../../src/sinks/kafka/offset-fetch';
import { withDefaults } from '../../../../src/sinks/kafka/options';
import { partitionOfGroup } from '../../../../src/sinks/kafka/offset-record';
import { createTopic } from '../../../support/kafka';
import { outboxEvent } from '../../../support/kafka-events';
import { BARE, batchOf, PATIENT, REF, testSink } from '../../../support/kafka-sink';
import type { TestSink } from '../../../support/kafka-sink';
import { testServers } from '../../../support/stack';

const ALL = Infinity;

/** What a coordinator that has loaded half of it would not say. */
describe('the log of a ledger', () => {
  const brokers = testServers().kafkaBrokers;
  let sink: TestSink;
  let topic: string;
  let install: string;

  beforeEach(async () => {
    sink = testSink(brokers, { installId: (install = `ledger-log-${randomUUID()}`) });
    topic = await createTopic(brokers);
  });
  afterEach(() => sink.close());

  const publish = async (seqs: readonly number[], ref = REF): Promise<string[]> => {
    const session = sink.open(ref);
    await session.takeOver();
    const ids: string[] = [];
    for (const seq of seqs) {
      const batch = batchOf(seq, [outboxEvent(seq, { topic, tenant: ref.tenant })]);
      await session.publish(batch, PATIENT);
      ids.push(batch.batchId);
    }
    await session.discard();
    return ids;
  };

  it('says what was committed last, with its batch and places', async () => {
    const [, second] = await publish([1, 2]);
    for (const ageMs of [0, 5_000, ALL]) {
      const session = await sink.takeOver();
      const told = await session.readLedger();
      expect(await session.ledgerInLog(null, ageMs)).toEqual({ kind: 'read', entry: told });
      expect(told).toMatchObject({ seq: 2, batchId: second });
      await session.discard();
    }
  });

  it('holds nothing of a publisher that never published, and nothing of transactions that were aborted', async () => {
    const fresh = await sink.takeOver();
    expect(await fresh.ledgerInLog(null, ALL)).toEqual({ kind: 'read', entry: null });
    await fresh.discard();
    const [first] = await publish([1]);
    const looking = await sink.takeOver();
    await looking.confirmLedger(await looking.readLedger(), PATIENT);
    await looking.discard();
    const session = await sink.takeOver();
    expect(await session.ledgerInLog(null, ALL)).toMatchObject({ entry: { seq: 1, batchId: first } });
    await session.discard();
  });

  it('is read past transactions of other tenants that are still open', async () => {
    const [first] = await publish([1]);
    const refs = Array.from({ length: 40 }, (_, i) => ({ ...REF, tenant: `globex-${i}` }));
    const other = refs.find((ref) => partition(ref) === partition(REF)) ?? REF;
    expect(other).not.toBe(REF);
    const holding = sink.open(other);
    await holding.takeOver();
    await holding.confirmLedger(await holding.readLedger(), PATIENT);
    const session = await sink.takeOver();
    expect(await session.ledgerInLog(null, ALL)).toMatchObject({ kind: 'read', entry: { seq: 1, batchId: first } });
    // It was open all the time: else its ledger would be stable by now.
    expect(await isUnstable(other)).toBe(true);
    await session.discard();
    await holding.discard();
  });

  async function isUnstable(ref: typeof REF): Promise<boolean> {
    const connections = new Connections(withDefaults({ ...BARE, brokers, installId: install }));
    const group = ledgerGroup(install, ref);
    try {
      const coordinator = await connections.coordinator('group', group);
      await connections.send(coordinator, offsetFetch(group, 'outbox-ledger', 0));
      return false;
    } catch (error) {
      if (isAnswer(error, CODE.UNSTABLE_OFFSET_COMMIT)) return true;
      throw error;
    } finally {
      connections.destroy();
    }
  }

  const partition = (ref: typeof REF): number => partitionOfGroup(ledgerGroup(install, ref), 5);
});
