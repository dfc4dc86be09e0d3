import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { now, until } from '../harness/clock';
import { percentile, rounded } from '../harness/statistics';
import { tenantNames, untilIdle } from '../harness/tenants';
import type { FairnessRig } from './rig';

export interface QuietOptions {
  readonly tenants: number;
  readonly seconds: number;
  readonly bulk: number;
  /** Events of the tenant whose topic is missing. */
  readonly dead: number;
}

/** p50 and p99 (ms) at a read_committed consumer, from the moment an event's transaction was due. */
export interface Quiet {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
}

const WARM_S = 30;
const RESUMED_S = 5;
const ARRIVAL_MS = 20_000;
/** A backlog that takes longer than this to drain is measured beside for so long. */
const LONGEST_S = 90;

/** Many tenants with an event a second each: alone, beside one that drains a large backlog, on topics of their own and not. */
export async function measureQuiet(
  rig: FairnessRig,
  options: QuietOptions,
  log: (line: string) => void,
): Promise<
  Readonly<
    Record<
      'alone' | 'besideDeadTopic' | 'besideOwnTopic' | 'besideSharedTopic',
      Quiet & { drainSeconds?: number | null }
    >
  >
> {
  const quiet = tenantNames(rig.servers, 'quiet', options.tenants);
  const [busy = ''] = tenantNames(rig.servers, 'busy', 1);
  const [dead = ''] = tenantNames(rig.servers, 'dead', 1);
  await rig.tenants([...quiet, busy, dead]);
  const pool = new Pool({ connectionString: rig.servers.databaseUrl, max: 8, application_name: 'bench' });
  // At the end of a run that is cut short the database goes first.
  pool.on('error', (error) => log(error.message));
  const worker = await rig.worker({ OUTBOX_TOPIC_CREATE: 'false' });
  const posting = new Posting(rig, pool, quiet, log);
  try {
    // Fifty first starts, and a Kafka and a Temporal whose code is not compiled yet, are not what is asked about.
    await posting.run('warm', async (elapsed) => elapsed < WARM_S);
    // A backlog as well: a broker that compiles its code on both cores while the first one drains held up every event for 0.3 s.
    for (const topic of [rig.topics.unread, rig.topics.timed]) {
      await rig.store([busy], topic, options.bulk / 2);
      await rig.wake([busy], topic);
      await posting.run(
        `warm beside a backlog on ${topic}`,
        async (elapsed) => elapsed < LONGEST_S && rig.pending(busy),
      );
    }
    await posting.run('settling down', async (elapsed) => elapsed < RESUMED_S);
    log('alone');
    const alone = await posting.run('alone', async (elapsed) => elapsed < options.seconds);
    const stored = async (tenant: string, topic: string, events: number, label: string): Promise<void> => {
      await rig.store([tenant], topic, events);
      // Some 400 MB that the kernel would write behind the next commits, each of which it holds up for 0.2 s then.
      await promisify(execFile)('sync');
      // While it was stored the quiet ones went to sleep; 50 that wake at once are not what is asked about either.
      await posting.run(`before ${label}`, async (elapsed) => elapsed < RESUMED_S);
      log(label);
    };
    const besideDead = async (label: string, topic: string): Promise<Quiet> => {
      await stored(dead, topic, options.dead, label);
      await rig.wake([dead], topic);
      return posting.run(label, async (elapsed) => elapsed < options.seconds);
    };
    const besideDeadTopic = await besideDead('beside a backlog to a missing topic', `${rig.topics.unread}-missing`);
    const beside = async (label: string, topic: string): Promise<Quiet & { drainSeconds: number | null }> => {
      await stored(busy, topic, options.bulk, label);
      const started = now();
      await rig.wake([busy], topic);
      const figures = await posting.run(label, async (elapsed) => elapsed < LONGEST_S && rig.pending(busy));
      const seconds = rounded((now() - started) / 1_000, 1);
      const drainSeconds = (await rig.pending(busy)) ? null : seconds;
      log(drainSeconds === null ? `not drained in ${seconds} s` : `drained ${options.bulk} in ${seconds} s`);
      return { ...figures, drainSeconds };
    };
    const figures = {
      alone,
      besideDeadTopic,
      besideOwnTopic: await beside('beside a backlog on another topic', rig.topics.unread),
      besideSharedTopic: await beside('beside a backlog on the same topic', rig.topics.timed),
    };
    // All has arrived, but the last batches may still be settling; a backlog that took too long is not drained.
    await untilIdle(rig.servers, quiet);
    await rig.balanced(quiet, log, { drained: true });
    await rig.balanced([busy, dead], log, { drained: false });
    return figures;
  } finally {
    await worker.child.stop();
    await pool.end();
  }
}

class Posting {
  constructor(
    private readonly rig: FairnessRig,
    private readonly pool: Pool,
    private readonly tenants: readonly string[],
    private readonly log: (line: string) => void,
  ) {}

  /** An open loop: moments fixed beforehand, so that a late commit counts with its delay. */
  async run(label: string, goOn: (elapsedSeconds: number) => Promise<boolean>): Promise<Quiet> {
    const started = now();
    const commits: Promise<unknown>[] = [];
    // Asked a second ahead: waiting for the answer would delay the first events of each second, which count with it.
    let next = goOn(0);
    for (let second = 0; await next; second += 1) {
      next = goOn((now() - started) / 1_000 + 1);
      for (const [index, tenant] of this.tenants.entries()) {
        const due = started + second * 1_000 + (index * 1_000) / this.tenants.length;
        await until(due);
        commits.push(this.enqueue(tenant, { label, due }));
      }
    }
    await Promise.all(commits);
    const deadline = now() + ARRIVAL_MS;
    let times = await this.rig.consumer.call('times', label);
    while (times.length < commits.length && now() < deadline) {
      await until(now() + 100);
      times = await this.rig.consumer.call('times', label);
    }
    if (times.length !== commits.length) throw new Error(`${label}: ${times.length} of ${commits.length} arrived`);
    const figures = {
      events: times.length,
      p50: rounded(percentile(times, 0.5), 1),
      p99: rounded(percentile(times, 0.99), 1),
    };
    this.log(`${label}: ${JSON.stringify(figures)}`);
    return figures;
  }

  private async enqueue(tenant: string, payload: { readonly label: string; readonly due: number }): Promise<void> {
    await this.pool.query('select outbox.enqueue(tenant => $1, topic => $2, type => $3, payload => $4::jsonb)', [
      tenant,
      this.rig.topics.timed,
      'quiet',
      JSON.stringify(payload),
    ]);
    this.rig.account.accepted(tenant, 1);
  }
}
