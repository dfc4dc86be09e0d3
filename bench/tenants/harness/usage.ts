import { now } from '../../harness/clock';
import { rounded } from '../../harness/statistics';
import { CpuWatch } from '../../peers/harness/processes';
import type { TenantsRig } from './rig';

/** Cores (CPU seconds per second) that a window used; null on a machine whose servers are not this run's own. */
export interface Cores {
  readonly worker: number;
  readonly postgres: number | null;
  readonly kafka: number | null;
  readonly temporal: number | null;
  /** Worker, Postgres and Kafka: what the events cost. Temporal is counted by its actions. */
  readonly together: number | null;
}

/** Interpolation between samples only matters for windows that end before they are stopped; these do not. */
const EVERY_MS = 2_000;

/** The CPU of everything that publishes, and Temporal's actions, from its construction to `end`. */
export class Usage {
  readonly #watches: ReadonlyMap<string, CpuWatch>;
  readonly #from = now();
  readonly #actions: Promise<number | null>;

  constructor(private readonly rig: TenantsRig) {
    const roots = new Map<string, number[]>([['worker', rig.workerPids()]]);
    for (const [server, pid] of Object.entries(rig.servers.pids())) roots.set(server, [pid]);
    this.#watches = new Map([...roots].map(([name, pids]) => [name, new CpuWatch(pids, EVERY_MS)]));
    this.#actions = rig.actions();
    this.#actions.catch(() => undefined);
  }

  /** Ends the window. `cpuSeconds` are those of each process. */
  async end(): Promise<{
    readonly seconds: number;
    readonly cores: Cores;
    readonly cpuSeconds: Readonly<Record<string, number>>;
    readonly actions: number | null;
  }> {
    const to = now();
    for (const watch of this.#watches.values()) watch.stop();
    const used = (name: string): number | null => this.#watches.get(name)?.between(this.#from, to) ?? null;
    const seconds = (to - this.#from) / 1_000;
    const cores = (name: string): number | null => {
      const cpu = used(name);
      return cpu === null ? null : rounded(cpu / seconds, 3);
    };
    const [worker, postgres, kafka] = [cores('worker') ?? 0, cores('postgres'), cores('kafka')];
    const [before, after] = [await this.#actions, await this.rig.actions()];
    return {
      seconds,
      cores: {
        worker,
        postgres,
        kafka,
        temporal: cores('temporal'),
        together: postgres === null || kafka === null ? null : rounded(worker + postgres + kafka, 3),
      },
      cpuSeconds: Object.fromEntries([...this.#watches.keys()].map((name) => [name, used(name) ?? 0])),
      actions: before === null || after === null ? null : after - before,
    };
  }
}
