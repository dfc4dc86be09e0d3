import { Pool } from 'pg';
import { Random } from '../../faults/traffic/random';
import type { Bench } from '../harness/bench';
import { now, poll, until } from '../harness/clock';
import { percentile } from '../harness/statistics';
import { untilIdle } from '../harness/tenants';
import { PAYLOAD_BYTES } from '../load/events';

/** ms from the moment that an event's transaction was due until a read_committed consumer has the event. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface Due {
  readonly at: number;
  readonly tenant: string;
}

const STEADY_PER_SECOND = 200;
/** Between two wakes: one should be over before the next, else a queue in front of Temporal is measured. */
const WAKE_EVERY_MS = 100;
/** Well within the linger time, and not in step with the 5 ms at which lingering drains look. */
const LINGER_MS = { min: 60, max: 160 };
const ARRIVAL_MS = 30_000;

/**
 * Commits events by plain SQL at moments fixed beforehand and takes the time from those moments: a commit that had to
 * wait because the one before was slow counts with its wait (no coordinated omission).
 */
export class LatencyBench {
  readonly #pool: Pool;
  readonly #random: Random;

  constructor(private readonly bench: Bench) {
    this.#pool = new Pool({ connectionString: bench.servers.databaseUrl, max: 16, application_name: 'bench' });
    this.#random = new Random(bench.options.seed);
  }

  /** Publishes one event of each tenant, so that their publishers exist. */
  async prime(tenants: readonly string[]): Promise<void> {
    await this.#commitAll('prime', this.#everyWake(tenants));
  }

  /** Publishers that ran before and have gone to sleep; each is woken once per round by one event. */
  async asleep(tenants: readonly string[]): Promise<Latency> {
    const times: number[] = [];
    for (let round = 1; round <= this.bench.options.sizes.sleepRounds; round += 1) {
      await untilIdle(this.bench.servers, tenants);
      times.push(...(await this.#commitAll(`asleep-${round}`, this.#everyWake(tenants))));
    }
    return summary(times);
  }

  /** Each event comes while the drain of the one before lingers. */
  async lingering([tenant = '']: readonly string[]): Promise<Latency> {
    await this.#commitAll('lingering-first', [{ at: now(), tenant }]);
    let at = now();
    const schedule = Array.from({ length: this.bench.options.sizes.lingering }, () => {
      at += this.#random.int(LINGER_MS.min, LINGER_MS.max);
      return { at, tenant };
    });
    return summary(await this.#commitAll('lingering', schedule));
  }

  /** An open loop: the schedule waits for nothing. */
  async steady([tenant = '']: readonly string[]): Promise<Latency> {
    const start = now();
    const schedule = Array.from({ length: STEADY_PER_SECOND * this.bench.options.seconds }, (_, index) => ({
      at: start + (index * 1_000) / STEADY_PER_SECOND,
      tenant,
    }));
    return summary(await this.#commitAll('steady', schedule));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  #everyWake(tenants: readonly string[]): Due[] {
    const start = now();
    return tenants.map((tenant, index) => ({ at: start + index * WAKE_EVERY_MS, tenant }));
  }

  /** Commits each event when it is due; resolves with the times of exactly these events. `label` is used once. */
  async #commitAll(label: string, schedule: readonly Due[]): Promise<readonly number[]> {
    const commits: Promise<unknown>[] = [];
    for (const due of schedule) {
      await until(due.at);
      commits.push(this.#commit(label, due));
    }
    await Promise.all(commits);
    let times: readonly number[] = [];
    await poll(`${label}: ${schedule.length} events at the consumer`, ARRIVAL_MS, 50, async () => {
      times = await this.bench.consumer.call('times', label);
      return times.length >= schedule.length;
    });
    if (times.length > schedule.length)
      throw new Error(`${label}: ${times.length} of ${schedule.length} events arrived`);
    return times;
  }

  #commit(label: string, { at, tenant }: Due): Promise<unknown> {
    const payload = JSON.stringify({ label, due: at, text: '' });
    const filled = payload.replace('""', `"${'x'.repeat(PAYLOAD_BYTES - payload.length)}"`);
    return this.#pool.query(
      'select outbox.enqueue(tenant => $1, topic => $2, type => $3, payload => $4::jsonb, key => $5)',
      [tenant, this.bench.timedTopic, 'order.created', filled, `order-${this.#random.int(1, 1_000)}`],
    );
  }
}

function summary(times: readonly number[]): Latency {
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) };
}
