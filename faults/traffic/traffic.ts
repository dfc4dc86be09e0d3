import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import type { Acknowledged } from '../../src/audit/acknowledged';
import { withoutUnheardErrors } from '../../src/postgres/pool';
import { Random } from './random';
import { DraftMaker, acknowledge } from './drafts';
import type { Draft } from './drafts';
import { post, writeInTransaction } from './writers';
import type { WriteOutcome } from './writers';

export interface TrafficOptions {
  readonly seed: number;
  readonly databaseUrl: string;
  /** Without it all events go by SQL. Keys by tenant. */
  readonly ingest?: { readonly url: string; readonly keys: Readonly<Record<string, string>> };
  readonly tenants: readonly string[];
  readonly topics: readonly string[];
  /** Ordering keys per tenant and topic. Default 4. */
  readonly keys?: number;
  /** Writers at the same time. Default 6. */
  readonly actors?: number;
  /** Longest pause of an actor between two steps, ms. Default 40. */
  readonly pauseMs?: number;
}

/** One ordering key: a step of one actor has it to itself, so that steps are "one after the other". */
interface Lane {
  readonly tenant: string;
  readonly topic: string;
  readonly key: string;
  order: number;
  busy: boolean;
}

const SOME = { unkeyed: 0.25, rollback: 0.1, overlap: 0.2, http: 0.4 } as const;

/**
 * Seeded producers: keyed and unkeyed events, several per transaction, rollbacks, writers of one key at the same time whose
 * transactions commit in reverse order of ids, and HTTP posts one by one and in batches. Everything acknowledged is logged in
 * the auditor's format, as a careful producer would.
 */
export class Traffic {
  readonly acknowledged: Acknowledged[] = [];
  /** Refusals that were not asked for, by text; a test may demand that there are none. */
  readonly refusals = new Map<string, number>();
  readonly #pool: Pool;
  readonly #lanes: Lane[];
  #running = true;
  #paused = false;
  readonly #actors: Promise<void>[];

  private constructor(private readonly options: TrafficOptions) {
    const { actors = 6, keys = 4, tenants, topics, seed } = options;
    this.#pool = withoutUnheardErrors(
      new Pool({ connectionString: options.databaseUrl, max: actors + 8, connectionTimeoutMillis: 5_000 }),
    );
    this.#lanes = tenants.flatMap((tenant) =>
      topics.flatMap((topic) =>
        Array.from({ length: keys }, (_, index) => ({
          tenant,
          topic,
          key: `${topic}-key-${index}`,
          order: 0,
          busy: false,
        })),
      ),
    );
    const random = new Random(seed);
    this.#actors = Array.from({ length: actors }, (_, index) => this.#act(random.fork(), `s${seed}-a${index}`));
  }

  static start(options: TrafficOptions): Traffic {
    return new Traffic(options);
  }

  /** Lets every actor end its step, then closes the connections. May be called more than once. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await Promise.all(this.#actors);
    await this.#pool.end();
  }

  /** From the next step on nothing is produced until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Resolves when at least so many events are acknowledged in all. Rejects after `deadlineMs`. */
  async reached(events: number, deadlineMs = 30_000): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    while (this.acknowledged.length < events) {
      if (Date.now() > deadline) {
        throw new Error(
          `only ${this.acknowledged.length} of ${events} events were accepted; refusals: ${JSON.stringify([...this.refusals])}`,
        );
      }
      await delay(20);
    }
  }

  /** Writes the log as NDJSON, for `outboxctl audit`. */
  writeLog(file: string): void {
    writeFileSync(file, this.acknowledged.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  async #act(random: Random, prefix: string): Promise<void> {
    const drafts = new DraftMaker(random, prefix);
    while (this.#running) {
      if (this.#paused) {
        await delay(20);
        continue;
      }
      if (random.chance(SOME.unkeyed)) await this.#unkeyed(random, drafts);
      else await this.#keyed(random, drafts);
      await delay(random.int(0, this.options.pauseMs ?? 40));
    }
  }

  async #unkeyed(random: Random, maker: DraftMaker): Promise<void> {
    const { tenants, topics } = this.options;
    const tenant = random.pick(tenants);
    const drafts = Array.from({ length: random.int(1, 4) }, () => maker.make(tenant, random.pick(topics), null));
    await this.#write(random, drafts, null);
  }

  async #keyed(random: Random, maker: DraftMaker): Promise<void> {
    const lane = random.pick(this.#lanes);
    if (lane.busy) return;
    lane.busy = true;
    try {
      if (random.chance(SOME.overlap)) await this.#overlapping(random, maker, lane);
      else {
        const drafts = Array.from({ length: random.int(1, 3) }, () => maker.make(lane.tenant, lane.topic, lane.key));
        await this.#write(random, drafts, lane);
      }
    } finally {
      lane.busy = false;
    }
  }

  /** Events of one step: one transaction, or one request. */
  async #write(random: Random, drafts: readonly Draft[], lane: Lane | null): Promise<void> {
    const { ingest } = this.options;
    const apiKey = ingest?.keys[drafts[0]?.tenant ?? ''];
    if (ingest !== undefined && apiKey !== undefined && random.chance(SOME.http)) {
      this.#log(drafts, await post(ingest.url, apiKey, drafts, 20), 'http', (index) =>
        lane === null ? null : lane.order + 1 + index,
      );
    } else {
      const commit = !random.chance(SOME.rollback);
      const outcome = await writeInTransaction(this.#pool, drafts, {
        commit,
        holdMs: random.chance(0.3) ? random.int(1, 60) : 0,
      });
      if (commit) this.#log(drafts, outcome, 'sql', (index) => (lane === null ? null : lane.order + 1 + index));
    }
    if (lane !== null) lane.order += drafts.length;
  }

  /** Several transactions of one key at the same time; the one with the lowest id commits last. They have no order between them. */
  async #overlapping(random: Random, maker: DraftMaker, lane: Lane): Promise<void> {
    lane.order += 1;
    const { order } = lane;
    const writers = random.int(2, 4);
    const running: Promise<void>[] = [];
    for (let writer = 0; writer < writers; writer += 1) {
      const drafts = [maker.make(lane.tenant, lane.topic, lane.key)];
      await new Promise<void>((enqueued) => {
        const holdMs = (writers - writer) * random.int(5, 30);
        const outcome = writeInTransaction(this.#pool, drafts, { commit: true, holdMs, enqueued });
        running.push(outcome.then((result) => this.#log(drafts, result, 'sql overlapping', () => order)));
      });
    }
    await Promise.all(running);
  }

  #log(
    drafts: readonly Draft[],
    outcome: WriteOutcome,
    source: string,
    orderOf: (index: number) => number | null,
  ): void {
    if (outcome.kind === 'refused') {
      this.refusals.set(outcome.why, (this.refusals.get(outcome.why) ?? 0) + 1);
      return;
    }
    const maybe = outcome.kind === 'lost';
    drafts.forEach((draft, index) => {
      // Nobody knows when a lost commit took effect, so nothing can be said about its order.
      const order = maybe ? null : orderOf(index);
      this.acknowledged.push(acknowledge(draft, { id: outcome.ids[index] ?? null, order, source, maybe }));
    });
  }
}
