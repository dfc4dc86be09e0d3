import { setTimeout as delay } from 'node:timers/promises';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { KafkaRule } from '../../faults/proxy/kafka-rules';
import type { Rig } from '../../faults/harness/rig';
import { endTxnCommits } from '../../faults/proxy/kafka-rules';
import type { TcpRule } from '../../faults/proxy/tcp-proxy';
import { expectClean, faultRun, sharedServers, until } from '../support/fault-run';

const commits = endTxnCommits();
const KAFKA: readonly KafkaRule[] = [
  { name: 'commit_answer_dropped', api: 'EndTxn', fault: { kind: 'drop-answer' }, matches: commits },
  { name: 'commit_answer_closed', api: 'EndTxn', fault: { kind: 'close-answer' }, matches: commits },
  { name: 'commit_answer_cut', api: 'EndTxn', fault: { kind: 'cut-answer' }, matches: commits },
  { name: 'commit_request_dropped', api: 'EndTxn', fault: { kind: 'drop-request' }, matches: commits },
  { name: 'commit_request_cut', api: 'EndTxn', fault: { kind: 'cut-request' }, matches: commits },
  { name: 'produce_answer_dropped', api: 'Produce', fault: { kind: 'drop-answer' } },
  { name: 'produce_request_cut', api: 'Produce', fault: { kind: 'cut-request' } },
  { name: 'produce_answer_closed', api: 'Produce', fault: { kind: 'close-answer' } },
  { name: 'ledger_read_answer_dropped', api: 'Fetch', fault: { kind: 'drop-answer' } },
  { name: 'init_answer_dropped', api: 'InitProducerId', fault: { kind: 'drop-answer' } },
  { name: 'add_partitions_answer_closed', api: 'AddPartitionsToTxn', fault: { kind: 'close-answer' } },
];
/** Several statements match more than one place; the text of each is the product's own. */
const POSTGRES: readonly TcpRule[] = [
  { name: 'settle_answer_lost', fault: 'lost-answer', matches: /set status = 'published'/ },
  { name: 'settle_request_lost', fault: 'lost-request', matches: /set status = 'published'/ },
  { name: 'attach_answer_lost', fault: 'lost-answer', matches: /set owner_relay = \$1/ },
  { name: 'detach_answer_lost', fault: 'lost-answer', matches: /set owner_relay = null, owner_fence = null/ },
  { name: 'fence_answer_lost', fault: 'lost-answer', matches: /set fence = r\.fence \+ 1/ },
];

/** Every answer of the transaction is lost once while traffic flows: the relay must find out what happened, never guess. */
describe('lost answers', () => {
  let kafka: FaultStack;
  beforeAll(async () => {
    kafka = await startFaultStack(['kafka']);
  });
  afterAll(() => kafka.stop());

  const setUp = () => ({
    servers: { ...sharedServers(), kafkaBrokers: kafka.stack.kafkaBrokers },
    proxiedKafka: kafka.proxiedKafka,
    tenantCount: 6,
    traffic: { pauseMs: 100 },
  });

  it(
    'of Kafka: commits, sends, ledger, epochs',
    () =>
      faultRun({ name: 'lostkafka', ...setUp() }, async ({ rig, traffic }) => {
        await rig.worker();
        await traffic.reached(50);
        for (const rule of KAFKA) {
          // Else a take-over's barrier loses its answer, and no event is aborted.
          await flows(rig);
          const armed = rig.kafka?.add(rule);
          // A new epoch is needed only after a doubt; taking it makes the requests that a relay does not send otherwise.
          if (rule.api === 'InitProducerId' || rule.api === 'Fetch') {
            rig.kafka?.add({ name: 'doubt', api: 'EndTxn', fault: { kind: 'close-request' }, matches: commits });
          }
          await until(`${rule.name} fired`, () => (armed?.fired ?? 0) > 0);
        }
        await traffic.stop();
        const names = KAFKA.map(({ name }) => name);
        expectClean(
          await rig.settleAndAudit(traffic.acknowledged, { fired: names, minAborted: 1, deadlineMs: 60_000 }),
        );
      }),
    240_000,
  );

  it(
    'and a commit that arrives long after another epoch began',
    () =>
      faultRun({ name: 'latecommit', ...setUp() }, async ({ rig, traffic }) => {
        await rig.worker();
        await traffic.reached(50);
        const held = rig.kafka?.add({
          name: 'commit_delayed',
          api: 'EndTxn',
          fault: { kind: 'hold' },
          matches: commits,
        });
        await until('commit_delayed fired', () => (held?.fired ?? 0) > 0);
        // The request time-out is 2 s: by then the relay has a new epoch and has sent on.
        await delay(6_000);
        held?.release();
        await delay(1_000);
        await traffic.stop();
        expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired: ['commit_delayed'], deadlineMs: 60_000 }));
      }),
    120_000,
  );

  it(
    'of Postgres: settle, attach, detach, fence; and connections cut',
    () =>
      faultRun({ name: 'lostsql', http: true, ...setUp() }, async ({ rig, traffic }) => {
        await rig.worker();
        await traffic.reached(50);
        for (const rule of POSTGRES) {
          await flows(rig);
          rig.postgres.add(rule);
          if (rule.name === 'fence_answer_lost') {
            rig.kafka?.add({ name: 'doubt', api: 'EndTxn', fault: { kind: 'close-request' }, matches: commits });
          }
          await until(`${rule.name} fired`, () => rig.faults.count(rule.name) > 0);
        }
        rig.postgres.cut('postgres_cut');
        rig.temporal.cut('temporal_cut');
        await delay(1_000);
        rig.postgres.pause('postgres_black_hole');
        await delay(2_000);
        rig.postgres.resume();
        await traffic.stop();
        const names = [...POSTGRES.map(({ name }) => name), 'postgres_cut', 'temporal_cut', 'postgres_black_hole'];
        expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired: names, deadlineMs: 60_000 }));
      }),
    180_000,
  );
});

/** Resolves when events have been published since. */
async function flows({ installation }: Rig): Promise<void> {
  const published = async (): Promise<number> => {
    const [row] = await installation.query<{ n: number }>(
      'select coalesce(sum(published), 0)::float8 as n from outbox.relay_counts',
    );
    return row?.n ?? 0;
  };
  const before = await published();
  await until('events flow', async () => (await published()) > before);
}
