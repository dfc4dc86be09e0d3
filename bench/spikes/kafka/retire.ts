import { setTimeout as delay } from 'node:timers/promises';
import type { SpikeCluster } from './cluster';
import { produce } from './requests';
import type { Place } from './requests';
import { offsets, Producer, readCommitted, timed, until } from './steps';
import type { Link } from './wire';

type Say = (line: string) => void;

/** (c) Leaders that go before a Produce, and Produce requests that come late. Coordinator: broker 1; A and L: broker 2; B: broker 3. */
export async function retireSpike(cluster: SpikeCluster, say: Say): Promise<void> {
  for (const frozenMs of [3_500, 3_500, 3_500, 3_500, 3_500, 14_000]) await lateProduce(cluster, frozenMs, say);
  await goneBefore(cluster, say);
  await followerGone(cluster, say);
}

let round = 0;

/**
 * B's leader is frozen with a Produce in its socket: to `fresh`, the first of the transaction there, which the broker verifies with the
 * coordinator, and to `known`, where the transaction already has an acknowledged record and nothing is verified again.
 */
async function lateProduce(cluster: SpikeCluster, frozenMs: number, say: Say): Promise<void> {
  round += 1;
  const ledger = await cluster.createTopic(`late-l${round}`, [2]);
  const fresh = await cluster.createTopic(`late-fresh${round}`, [3]);
  const known = await cluster.createTopic(`late-known${round}`, [3]);
  const moving = await cluster.createTopic(`late-moving${round}`, [3, 2, 1], 2);
  const targets = [fresh, known, moving];
  const old = await opened(cluster, `late${round}`);
  // A connection for each partition: a broker reads the next request of a connection only when it has answered the last.
  const links = await Promise.all(targets.map(() => cluster.open(3)));
  await old.add(ledger, ...targets);
  await send(await cluster.link(2), old, ledger, 0);
  await send(links[1] as Link, old, known, 0);
  await send(links[2] as Link, old, moving, 0);
  cluster.signal(3, 'SIGSTOP');
  const began = performance.now();
  const sent = targets.map((place, index) => send(links[index] as Link, old, place, place === fresh ? 0 : 1));
  const answers = await Promise.all(sent);
  links.forEach((link) => link.destroy());
  const closed = performance.now();
  const next = await Producer.open(cluster, old.id, 1);
  const first = await next.init();
  const decided = await until(
    async () => / LSO (\d+) HW \1/.test(` ${await offsets(await cluster.link(2), ledger)}`),
    20_000,
    2,
  );
  const stray = await old.end(true);
  say(
    `${round}: frozen; Produce ${answers.map(({ answer }) => answer).join(', ')}; sockets closed; InitProducerId ${first.answer} in ` +
      `${first.ms} ms; L decided ${decided} ms after; old EndTxn(commit): ${stray.answer}; ${await next.state()}`,
  );
  await delay(Math.max(0, frozenMs - (performance.now() - began)));
  cluster.signal(3, 'SIGCONT');
  const thawed = performance.now();
  const { answer } = await next.initUntilDone(60_000, 5);
  say(
    `   thawed ${Math.round(thawed - closed)} ms after the sockets closed; InitProducerId ${answer} ${Math.round(performance.now() - thawed)} ms later, epoch ${next.epoch.producerEpoch}`,
  );
  await delay(1_000);
  for (const place of targets) {
    const leader = (await until(async () => ((await cluster.partition(place, 1))?.leader ?? -1) > 0, 20_000, 50),
    await cluster.partition(place, 1))?.leader;
    const { log, values } = await readCommitted(await cluster.link(leader ?? 3), place);
    say(`   ${place.topic} (leader ${leader}): committed [${values.join()}]; ${log}`);
  }
  const usable = await next.add(fresh, known, moving);
  say(`   the new epoch: AddPartitions ${usable.answer}, EndTxn(abort) ${(await next.end(false)).answer}`);
}

/** Killed between AddPartitions and Produce: ended by the client's own abort, and by InitProducerId. */
async function goneBefore(cluster: SpikeCluster, say: Say): Promise<void> {
  const a = await cluster.createTopic('before-a', [2]);
  const b = await cluster.createTopic('before-b', [3]);
  const own = await opened(cluster, 'own-abort');
  const taken = await opened(cluster, 'taken-over');
  for (const producer of [own, taken]) await producer.add(a, b);
  const link = await cluster.open(3);
  say('--- AddPartitions of A and B; kill -9 of broker 3; Produce');
  cluster.signal(3, 'SIGKILL');
  await delay(50);
  const sent = await Promise.all([own, taken].map(async (one) => send(await cluster.link(2), one, a, 0)));
  const failed = await send(link, own, b, 0);
  const refused = await timed(cluster.open(3).then(() => 0));
  say(
    `  Produce to A ${sent.map(({ answer, ms }) => `${answer} ${ms} ms`).join(', ')}; to B: ${failed.answer}; connecting again: ${refused.answer}`,
  );
  const end = await own.end(false);
  const init = await (await Producer.open(cluster, taken.id, 1)).init();
  const decided = await until(
    async () => / LSO (\d+) HW \1/.test(` ${await offsets(await cluster.link(2), a)}`),
    20_000,
    2,
  );
  say(
    `  EndTxn(abort) ${end.answer} ${end.ms} ms, InitProducerId ${init.answer} ${init.ms} ms; LSO = HW in A ${decided} ms later`,
  );
  say(
    `  ${await own.state()} | ${await taken.state()}; old epochs: AddPartitions ${(await own.add(a)).answer}, ${(await taken.add(a)).answer}`,
  );
  await cluster.restart(3);
  const heal = await Promise.all([own, taken].map((one) => one.initUntilDone(60_000)));
  say(`  broker 3 is back: InitProducerId ${heal.map(({ answer, ms }) => `${answer} ${ms} ms`).join(', ')}`);
}

/** How long a partition with a living leader takes nothing because a dead follower still counts as in sync. */
async function followerGone(cluster: SpikeCluster, say: Say): Promise<void> {
  const follows = await cluster.createTopic('follows', [2, 3, 1], 2);
  const leads = await cluster.createTopic('leads', [3, 2, 1], 2);
  const single = await cluster.createTopic('single', [2]);
  const nobody = { producerId: -1, producerEpoch: -1 };
  await until(async () => (await cluster.partition(follows, 1))?.inSync.length === 3, 30_000);
  say('--- kill -9 of broker 3; Produce with acks=all, no transaction, three replicas, min ISR 2');
  cluster.signal(3, 'SIGKILL');
  const began = performance.now();
  const since = (): string => `+${((performance.now() - began) / 1000).toFixed(1)} s`;
  const alone = await timed(produce(await cluster.link(2), null, nobody, { ...single, sequence: -1, value: 'x' }));
  say(`${since()}: one replica, living leader: ${alone.answer} ${alone.ms} ms`);
  const [waited, moved] = await Promise.all([
    timed(produce(await cluster.open(2), null, nobody, { ...follows, sequence: -1, value: 'x' }, 30_000), 30_000),
    until(async () => {
      const leader = (await cluster.partition(leads, 1))?.leader ?? -1;
      if (leader === 3 || leader < 0) return false;
      const sent = await timed(
        produce(await cluster.link(leader), null, nobody, { ...leads, sequence: -1, value: 'x' }),
      );
      return sent.answer === 'NONE';
    }, 30_000),
  ]);
  say(
    `${since()}: dead follower in sync, living leader: ${waited.answer} after ${waited.ms} ms; dead leader: first acknowledgement after ${moved} ms`,
  );
  await cluster.restart(3);
}

function send(link: Link, producer: Producer, place: Place, sequence: number) {
  return timed(produce(link, producer.id, producer.epoch, { ...place, sequence, value: `${place.topic}#${sequence}` }));
}

async function opened(cluster: SpikeCluster, prefix: string): Promise<Producer> {
  const producer = await Producer.open(cluster, await cluster.idCoordinatedBy(prefix, 1), 1);
  await producer.initUntilDone(20_000);
  return producer;
}
