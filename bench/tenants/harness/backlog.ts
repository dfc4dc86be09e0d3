import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { PoolClient } from 'pg';
import { now } from '../../harness/clock';
import { drainRate } from './published';
import type { Sample } from './published';
import type { TenantsRig } from './rig';

const SAMPLE_MS = 100;
const DRAINED_WITHIN_MS = 300_000;

/** A backlog that is stored and not committed yet, so that what else goes on has settled down when it begins to drain. */
export class Backlog {
  private constructor(
    private readonly rig: TenantsRig,
    private readonly client: PoolClient,
    private readonly tenant: string,
    private readonly events: number,
  ) {}

  static async store(rig: TenantsRig, tenant: string, topic: string, events: number): Promise<Backlog> {
    const client = await rig.pool.connect();
    await client.query('begin');
    await client.query(
      `insert into outbox.events (tenant_id, dedupe_key, topic, event_type, ordering_key, content_type, payload)
       select $1, $2 || '-' || n, $3, 'bulk', 'key-' || n % 1000, 'application/json',
              convert_to('{"label":"bulk","due":0,"text":"' || repeat('x', 260) || '"}', 'UTF8')
       from generate_series(1, $4::int) as n order by n`,
      [tenant, rig.nextRound('bulk'), topic, events],
    );
    // Some 400 MB that the kernel would write behind the next commits, each of which it holds up for 0.2 s then.
    await promisify(execFile)('sync');
    return new Backlog(rig, client, tenant, events);
  }

  /** Commits it and resolves when all is published, with the events per second of the drain. */
  async drain(): Promise<number> {
    const before = await this.#published();
    await this.client.query('commit');
    this.client.release();
    this.rig.base.account.accepted(this.tenant, this.events);
    const samples: Sample[] = [];
    const deadline = now() + DRAINED_WITHIN_MS;
    for (let published = 0; published < this.events; await delay(SAMPLE_MS)) {
      published = (await this.#published()) - before;
      samples.push({ at: now(), published });
      if (now() > deadline) throw new Error(`${published} of a backlog of ${this.events} published`);
    }
    return drainRate(samples, this.events);
  }

  async #published(): Promise<number> {
    const [row] = await this.rig.rows<{ published: number }>(
      'select coalesce(sum(published), 0)::float8 as published from outbox.relay_counts where tenant_id = $1',
      [this.tenant],
    );
    return row?.published ?? 0;
  }
}
