import { setTimeout as delay } from 'node:timers/promises';
import type { SpikeCluster } from './cluster';
import { endOffset, produce } from './requests';
import type { Place } from './requests';
import { offsets, Producer, quantiles, timed, until } from './steps';

type Say = (line: string) => void;

/** (a) What AddPartitionsToTxn + EndTxn(abort) tells of a partition. Coordinator: broker 1. Others: 2 healthy, 3 is broken. */
export async function probeSpike(cluster: SpikeCluster, say: Say): Promise<void> {
  await healthy(cluster, say);
  await refused(cluster, say);
  await leaderless(cluster, say);
  await frozen(cluster, say);
}

async function healthy(cluster: SpikeCluster, say: Say): Promise<void> {
  const place = await cluster.createTopic('healthy', [2, 3, 1], 2);
  const producer = await opened(cluster, 'healthy');
  const adds: number[] = [];
  const ends: number[] = [];
  const wholes: number[] = [];
  let concurrent = 0;
  for (let round = 0; round < 220; round += 1) {
    const began = performance.now();
    for (;;) {
      const { answer, ms } = await producer.add(place);
      if (answer === 'NONE') {
        adds.push(ms);
        break;
      }
      concurrent += 1;
      await delay(1);
    }
    ends.push((await producer.end(false)).ms);
    while (!(await producer.state()).startsWith('CompleteAbort')) await delay(1);
    wholes.push(performance.now() - began);
    await delay(5);
  }
  say(`healthy, 3 replicas: AddPartitions ${quantiles(adds.slice(20))}`);
  say(`  EndTxn(abort) ${quantiles(ends.slice(20))}`);
  say(`  until CompleteAbort ${quantiles(wholes.slice(20))}; CONCURRENT_TRANSACTIONS met ${concurrent} times`);
  say(`  the partition after 220 probes: ${await offsets(await cluster.link(2), place)} (markers only)`);
}

async function refused(cluster: SpikeCluster, say: Say): Promise<void> {
  const fine = await cluster.createTopic('fine', [2]);
  for (const [name, place] of [
    ['missing', { topic: 'missing', partition: 0 }],
    ['partition beyond', { ...fine, partition: 7 }],
  ] as const) {
    const producer = await opened(cluster, `refused-${place.topic}`);
    const { answer, ms } = await producer.add(place, fine);
    say(`${name}: AddPartitions ${answer} in ${ms} ms; state ${await producer.state()}`);
    say(
      `  EndTxn(abort) then: ${(await producer.end(false)).answer}; AddPartitions of another: ${(await producer.add(fine)).answer}`,
    );
    await producer.end(false);
  }
}

async function leaderless(cluster: SpikeCluster, say: Say): Promise<void> {
  const other = await cluster.createTopic('other', [2]);
  const gone = await cluster.createTopic('gone', [3]);
  const thin = await cluster.createTopic('thin', [2, 3], 2);
  const both = await opened(cluster, 'both');
  const early = await opened(cluster, 'early');
  const late = await opened(cluster, 'late');
  const thinProbe = await opened(cluster, 'thin');
  await both.add(other, gone);
  const wrote = await timed(produce(await cluster.link(2), both.id, both.epoch, { ...other, sequence: 0, value: 'x' }));
  say(`--- kill -9 of broker 3. A transaction with a record in a healthy partition is open (Produce ${wrote.answer})`);
  const cpu = meter(cluster);
  await cpu('idle before');
  cluster.signal(3, 'SIGKILL');
  const killed = performance.now();
  const since = (): string => `+${((performance.now() - killed) / 1000).toFixed(1)} s`;
  await probe('at once, metadata still names the leader', early, gone);
  await cpu('marker for a dead broker hangs');
  say(`  the one with the healthy partition: EndTxn(abort) ${(await both.end(false)).answer}`);
  const stable = await until(async () => /LSO (\d+) HW \1/.test(await offsets(await cluster.link(2), other)), 5_000, 2);
  say(`  LSO of the healthy partition reached its end after ${stable} ms; state ${await both.state()}`);
  const shrunk = await until(async () => (await cluster.partition(gone, 1))?.leader === -1, 20_000, 50);
  say(`${since()}: metadata: no leader (${shrunk} ms after the above)`);
  await probe('with metadata that says no leader', late, gone);
  await cpu('markers for a partition without leader hang');
  await until(async () => (await cluster.partition(thin, 1))?.inSync.length === 1, 10_000, 50);
  say(`${since()}: under min ISR: in sync ${(await cluster.partition(thin, 1))?.inSync.join()}`);
  const under = await timed(
    produce(await cluster.link(2), null, { producerId: -1, producerEpoch: -1 }, { ...thin, sequence: -1, value: 'x' }),
  );
  say(`  Produce to it, no transaction: ${under.answer} in ${under.ms} ms`);
  await probe('under min ISR', thinProbe, thin);
  await cpu('and one under min ISR');
  for (const producer of [early, late, thinProbe]) {
    const init = await producer.init();
    const add = await producer.add(other);
    say(
      `${since()}: ${producer.id}: ${await producer.state()}; InitProducerId ${init.answer}, AddPartitions ${add.answer}`,
    );
  }
  say(`  the thin partition: ${await offsets(await cluster.link(2), thin)}`);
  const restarted = cluster.restart(3);
  const led = await until(async () => (await cluster.partition(gone, 1))?.leader === 3, 60_000, 10);
  say(`${since()}: broker 3 leads again, ${led} ms after it was started`);
  await Promise.all(
    [early, late, thinProbe].map(async (producer) => {
      const ms = await until(async () => (await producer.state()).startsWith('CompleteAbort'), 60_000, 10);
      say(`  ${producer.id}: CompleteAbort ${ms} ms after that`);
    }),
  );
  await restarted;
  say(`${since()}: all is well: InitProducerId ${(await early.initUntilDone(5_000)).answer}`);

  async function probe(how: string, producer: Producer, place: Place): Promise<void> {
    const add = await producer.add(place);
    const end = await producer.end(false);
    say(`${since()}: probe ${how}: AddPartitions ${add.answer} ${add.ms} ms, EndTxn(abort) ${end.answer} ${end.ms} ms`);
    say(`  passive: ${await passive(cluster, place)}`);
    await delay(300);
    const init = await producer.init();
    say(`  300 ms later: ${await producer.state()}; InitProducerId ${init.answer}`);
  }

  function meter(of: SpikeCluster): (when: string) => Promise<void> {
    return async (when) => {
      const began = of.cpuMs(1);
      await delay(5_000);
      say(`  coordinator's broker, ${when}: ${((of.cpuMs(1) - began) / 5_000).toFixed(2)} cores`);
    };
  }
}

async function frozen(cluster: SpikeCluster, say: Say): Promise<void> {
  const alone = await cluster.createTopic('cold', [3]);
  const replicated = await cluster.createTopic('cold-replicated', [3, 2, 1], 2);
  const elsewhere = await cluster.createTopic('elsewhere', [2]);
  const first = await opened(cluster, 'cold');
  const second = await opened(cluster, 'cold-replicated');
  const third = await opened(cluster, 'cold-later');
  const steady = await opened(cluster, 'steady');
  say('--- SIGSTOP of broker 3');
  cluster.signal(3, 'SIGSTOP');
  const began = performance.now();
  const since = (): string => `+${((performance.now() - began) / 1000).toFixed(1)} s`;
  for (const [producer, place] of [
    [first, alone],
    [second, replicated],
  ] as const) {
    const add = await producer.add(place);
    const end = await producer.end(false);
    say(
      `${since()}: ${place.topic}: AddPartitions ${add.answer} ${add.ms} ms, EndTxn(abort) ${end.answer} ${end.ms} ms`,
    );
  }
  say(`  passive: ${await passive(cluster, alone)}`);
  const slow: number[] = [];
  let going = true;
  const others = (async () => {
    while (going) {
      const start = performance.now();
      await steady.add(elsewhere);
      await steady.end(false);
      const done = await until(async () => (await steady.state()).startsWith('CompleteAbort'), 5_000, 1);
      slow.push(done === null ? 99_999 : performance.now() - start);
      await delay(20);
    }
  })();
  const moved = await until(
    async () => ![3, -1].includes((await cluster.partition(replicated, 1))?.leader ?? -1),
    30_000,
    50,
  );
  say(`${since()}: the replicated partition has another leader (${moved === null ? 'not in 30 s' : 'moved'})`);
  say(
    `${since()}: cold: leader ${(await cluster.partition(alone, 1))?.leader}; ${await first.state()} | ${await second.state()}`,
  );
  const add = await third.add(replicated);
  const end = await third.end(false);
  const quick = await until(async () => (await third.state()).startsWith('CompleteAbort'), 40_000, 10);
  say(
    `${since()}: a probe of the replicated one at its new leader: ${add.answer}, ${end.answer}, CompleteAbort after ${quick} ms`,
  );
  await until(async () => (await second.state()).startsWith('CompleteAbort'), 60_000, 20);
  say(`${since()}: the replicated partition's first probe: ${await second.state()}`);
  going = false;
  await others;
  say(`  other transactions of the same coordinator meanwhile: ${quantiles(slow)} ms`);
  say(`${since()}: cold: ${await first.state()}; InitProducerId ${(await first.init()).answer}. SIGCONT`);
  cluster.signal(3, 'SIGCONT');
  const healed = await until(async () => (await first.state()).startsWith('CompleteAbort'), 60_000, 10);
  say(`  CompleteAbort ${healed} ms after SIGCONT`);
}

/** What can be asked without a transaction: the leader and replicas in sync by metadata, and an offset of the leader itself. */
async function passive(cluster: SpikeCluster, place: Place): Promise<string> {
  const known = await cluster.partition(place, 1);
  const leader = known?.leader ?? -1;
  const asked = await timed(cluster.open(leader).then((link) => endOffset(link, place, 'uncommitted')));
  return `metadata: leader ${leader}, in sync ${known?.inSync.join()}; ListOffsets ${asked.answer} ${asked.ms} ms`;
}

async function opened(cluster: SpikeCluster, prefix: string): Promise<Producer> {
  const producer = await Producer.open(cluster, await cluster.idCoordinatedBy(prefix, 1), 1);
  await producer.initUntilDone(20_000);
  return producer;
}
