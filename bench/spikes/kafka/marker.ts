import { setTimeout as delay } from 'node:timers/promises';
import type { SpikeCluster } from './cluster';
import { findCoordinator, produce } from './requests';
import type { Place } from './requests';
import { offsets, Producer, readCommitted, timed, until } from './steps';
import { Link } from './wire';

type Say = (line: string) => void;

/**
 * (b) A transaction over A (broker 2), the ledger L (brokers 2 and 1) and B (broker 3 alone) that was decided, or left open, and whose
 * marker in B cannot be written. Coordinator: broker 1.
 */
export async function markerSpike(cluster: SpikeCluster, say: Say): Promise<void> {
  await committed(cluster, say);
  await leftOpen(cluster, say);
}

interface Places {
  readonly a: Place;
  readonly l: Place;
  readonly b: Place;
}

async function committed(cluster: SpikeCluster, say: Say): Promise<void> {
  const places = await createPlaces(cluster, 'c');
  const old = await opened(cluster, 'committed', 1);
  await write(cluster, old, places, say);
  say('--- all acknowledged; kill -9 of broker 3, then EndTxn(commit) at once');
  cluster.signal(3, 'SIGKILL');
  const since = stopwatch();
  const end = await old.end(true);
  say(`${since()}: EndTxn(commit) ${end.answer} in ${end.ms} ms`);
  if (end.answer !== 'NONE') {
    const again = await until(async () => {
      const { answer, ms } = await old.end(true);
      say(`${since()}: EndTxn(commit) again: ${answer} in ${ms} ms; ${await old.state()}`);
      return answer !== 'no answer';
    }, 20_000);
    say(`${since()}: EndTxn answered ${again} ms later`);
  }
  await readable(cluster, places, say);
  say(`${since()}: ${await old.state()}`);
  const next = await Producer.open(cluster, old.id, 1);
  say(`${since()}: InitProducerId of a new worker: ${(await next.init()).answer}; then ${await old.state()}`);
  say(
    `  the old epoch: EndTxn(commit) ${(await old.end(true)).answer}, EndTxn(abort) ${(await old.end(false)).answer}, AddPartitions ${(await old.add(places.l)).answer}`,
  );
  const late = await timed(
    produce(await cluster.link(2), old.id, old.epoch, { ...places.l, sequence: 1, value: 'stray' }),
  );
  say(`  Produce to L without AddPartitions: ${late.answer}; L: ${await offsets(await cluster.link(2), places.l)}`);
  const still = await next.initUntilDone(12_000, 200);
  say(`${since()}: InitProducerId for 12 s: ${still.answer}`);
  say(`--- broker 3 starts again`);
  const restarted = cluster.restart(3);
  await until(async () => (await cluster.partition(places.b, 1))?.leader === 3, 60_000, 10);
  const healed = await until(async () => (await old.state()).startsWith('CompleteCommit'), 60_000, 5);
  say(
    `CompleteCommit ${healed} ms after B had a leader; B: ${(await readCommitted(await cluster.link(3), places.b)).log}`,
  );
  const add = await old.add(places.l);
  const more = await timed(
    produce(await cluster.link(2), old.id, old.epoch, { ...places.l, sequence: 1, value: 'zombie' }),
  );
  const done = await old.end(true);
  await delay(300);
  say(
    `the OLD worker goes on in its epoch: AddPartitions ${add.answer}, Produce ${more.answer}, EndTxn(commit) ${done.answer}`,
  );
  say(`  L: ${(await readCommitted(await cluster.link(2), places.l)).log}`);
  const init = await next.initUntilDone(5_000);
  say(
    `InitProducerId: ${init.answer}, epoch ${next.epoch.producerEpoch}; the old one then: AddPartitions ${(await old.add(places.l)).answer}`,
  );
  await restarted;
}

async function leftOpen(cluster: SpikeCluster, say: Say): Promise<void> {
  const places = await createPlaces(cluster, 'o');
  const second = await createPlaces(cluster, 'd');
  const old = await opened(cluster, 'open', 1);
  const other = await opened(cluster, 'deleted', 1);
  await write(cluster, old, places, say);
  await write(cluster, other, second, say);
  say('--- all acknowledged; the worker dies before EndTxn, and broker 3 with it; a new worker takes over');
  const next = await Producer.open(cluster, old.id, 1);
  const nextOther = await Producer.open(cluster, other.id, 1);
  cluster.signal(3, 'SIGKILL');
  const since = stopwatch();
  const [first, firstOther] = await Promise.all([next.init(), nextOther.init()]);
  say(`${since()}: InitProducerId ${first.answer} in ${first.ms} ms (${firstOther.answer})`);
  await until(async () => !(await old.state()).startsWith('Ongoing'), 15_000, 5);
  say(`${since()}: ${await old.state()}; the old worker's epoch is ${old.epoch.producerEpoch}`);
  await readable(cluster, places, say);
  say(
    `  the old epoch: AddPartitions ${(await old.add(places.l)).answer}, EndTxn(commit) ${(await old.end(true)).answer}`,
  );
  const stray = await timed(
    produce(await cluster.link(2), old.id, old.epoch, { ...places.l, sequence: 1, value: 'stray' }),
  );
  say(`  its Produce to L: ${stray.answer}`);
  const still = await next.initUntilDone(12_000, 200);
  say(`${since()}: InitProducerId for 12 s: ${still.answer}; ${await old.state()}`);
  await cluster.deleteTopic(second.b.topic);
  const deleted = await until(async () => (await other.state()).startsWith('CompleteAbort'), 45_000, 10);
  say(
    `a topic without leader is deleted: its transaction is CompleteAbort after ${deleted} ms; InitProducerId ${(await nextOther.initUntilDone(3_000)).answer}`,
  );
  const restarted = cluster.restart(3);
  await until(async () => (await cluster.partition(places.b, 1))?.leader === 3, 60_000, 10);
  const healed = await next.initUntilDone(60_000, 10);
  say(`broker 3 leads again: InitProducerId ${healed.answer} after ${healed.ms} ms, epoch ${next.epoch.producerEpoch}`);
  say(`  B: ${(await readCommitted(await cluster.link(3), places.b)).log}`);
  await restarted;
}

/** The broker that dies leads B and coordinates the transaction as well. */
export async function coordinatorSpike(cluster: SpikeCluster, say: Say): Promise<void> {
  const places = await createPlaces(cluster, 'k');
  const old = await opened(cluster, 'coordinator', 3);
  const replicated = await cluster.createTopic('k-replicated', [3, 2, 1], 2);
  await write(cluster, old, places, say);
  await old.add(replicated);
  await produce(await cluster.link(3), old.id, old.epoch, { ...replicated, sequence: 0, value: 'r' });
  const commit = old.end(true);
  say('--- broker 3 coordinates, too; kill -9 just after EndTxn(commit) was sent');
  cluster.signal(3, 'SIGKILL');
  const since = stopwatch();
  say(`${since()}: EndTxn(commit) ${(await commit).answer}`);
  const link = await cluster.link(1);
  let found = -1;
  const moved = await until(
    async () => {
      const { code, node } = await findCoordinator(link, old.id);
      found = code === 0 ? node.id : -1;
      return found > 0 && found !== 3;
    },
    20_000,
    50,
  );
  if (moved === null) return say(`${since()}: no other coordinator in 20 s: its log has no other replica`);
  const coordinator = await Link.open(cluster.nodes[found - 1] ?? { id: 0, host: '', port: 0 });
  const moving = new Producer(old.id, coordinator);
  moving.epoch = old.epoch;
  say(
    `${since()}: FindCoordinator names broker ${found}; ${await moving.state()}; EndTxn(commit) again ${(await moving.end(true)).answer}`,
  );
  await readable(cluster, places, say);
  say(`${since()}: ${await moving.state()}; L: ${(await readCommitted(await cluster.link(2), places.l)).log}`);
  say(`  InitProducerId ${(await moving.init()).answer}; ${await moving.state()}`);
}

async function createPlaces(cluster: SpikeCluster, prefix: string): Promise<Places> {
  return {
    a: await cluster.createTopic(`${prefix}-a`, [2]),
    l: await cluster.createTopic(`${prefix}-l`, [2, 1]),
    b: await cluster.createTopic(`${prefix}-b`, [3]),
  };
}

async function write(cluster: SpikeCluster, producer: Producer, { a, l, b }: Places, say: Say): Promise<void> {
  const add = await producer.add(a, l, b);
  const sends = [a, l, b].map(async (place) => {
    const link = await cluster.link(place === b ? 3 : 2);
    return timed(produce(link, producer.id, producer.epoch, { ...place, sequence: 0, value: place.topic }));
  });
  const answers = await Promise.all(sends);
  say(
    `${producer.id}: AddPartitions ${add.answer}, Produce to A, L, B: ${answers.map(({ answer, ms }) => `${answer} ${ms} ms`).join(', ')}`,
  );
}

async function readable(cluster: SpikeCluster, { a, l }: Places, say: Say): Promise<void> {
  const link = await cluster.link(2);
  const decided = (place: Place) =>
    until(async () => / LSO (\d+) HW \1/.test(` ${await offsets(link, place)}`), 20_000, 2);
  const [ofA, ofL] = await Promise.all([decided(a), decided(l)]);
  say(`  LSO = HW in A after ${ofA} ms, in L after ${ofL} ms; L: ${(await readCommitted(link, l)).log}`);
  say(
    `  read_committed in A: [${(await readCommitted(link, a)).values.join()}], in L: [${(await readCommitted(link, l)).values.join()}]`,
  );
}

async function opened(cluster: SpikeCluster, prefix: string, broker: 1 | 3): Promise<Producer> {
  const producer = await Producer.open(cluster, await cluster.idCoordinatedBy(prefix, broker), broker);
  await producer.initUntilDone(20_000);
  return producer;
}

function stopwatch(): () => string {
  const began = performance.now();
  return () => `+${((performance.now() - began) / 1000).toFixed(2)} s`;
}
