import { Pool } from 'pg';
import type { Service } from '../../../faults/harness/service-process';
import { Random } from '../../../faults/traffic/random';
import { FairnessRig } from '../../fairness/rig';
import type { Closing } from '../../harness/closing';
import type { BenchServers } from '../../harness/servers';
import type { TenantsOptions } from '../options';
import { TemporalActions } from './actions';

/** The relays with the product's own defaults, where the launcher that starts the processes prefers short times. */
const RELAYS: Readonly<Record<string, string>> = {
  OUTBOX_LINGER: '',
  OUTBOX_SHUTDOWN_GRACE: '',
};
const CONNECTIONS = 16;

/** What the measurements work with: the servers, a consumer, topics, and the workers that run at the moment. */
export class TenantsRig {
  readonly random: Random;
  readonly pool: Pool;
  readonly #workers = new Set<Service>();
  #rounds = 0;

  private constructor(
    readonly options: TenantsOptions,
    readonly base: FairnessRig,
    readonly closing: Closing,
    readonly log: (line: string) => void,
    private readonly temporal: TemporalActions | null,
  ) {
    this.random = new Random(options.seed);
    const { databaseUrl } = base.servers;
    this.pool = new Pool({ connectionString: databaseUrl, max: CONNECTIONS, application_name: 'bench' });
    // At the end of a run that is cut short the database goes first.
    this.pool.on('error', (error) => log(error.message));
    closing.add('connections', () => this.pool.end());
  }

  static async start(
    options: TenantsOptions,
    servers: BenchServers,
    closing: Closing,
    log: (line: string) => void,
  ): Promise<TenantsRig> {
    const base = await FairnessRig.start(servers, closing);
    const temporal = await TemporalActions.find(servers.pids()['temporal']);
    if (temporal === null) log("Temporal's own counter of actions is not found: actions are left out");
    return new TenantsRig(options, base, closing, log, temporal);
  }

  get servers(): BenchServers {
    return this.base.servers;
  }

  async worker(env: Readonly<Record<string, string>> = {}): Promise<Service> {
    const service = await this.base.worker({ ...RELAYS, ...env });
    this.#workers.add(service);
    void service.child.ended.then(() => this.#workers.delete(service));
    return service;
  }

  workerPids(): number[] {
    return [...this.#workers].map(({ child }) => child.pid);
  }

  /** The ends of the logs of those that run. */
  workerLogs(): string[] {
    return [...this.#workers].map(({ child }) => `${child.options.name} (process ${child.pid}):\n${child.logTail()}`);
  }

  /** Temporal's actions so far; null where the server does not tell. */
  actions(): Promise<number | null> {
    return this.temporal === null ? Promise.resolve(null) : this.temporal.count();
  }

  /** A prefix for dedupe keys that was not used before. */
  nextRound(name: string): string {
    return `${name}-${(this.#rounds += 1)}`;
  }

  async rows<R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }
}
