import type { Acknowledged } from '../../src/audit/acknowledged';
import { countFired } from '../../src/audit/fired';
import type { FaultRun } from '../harness/fault-run';
import type { LaunchOptions } from '../harness/rig';
import type { Service } from '../harness/service-process';
import { DEADLINE_MS } from '../harness/waiting';
import type { RunServers } from '../servers/pool';
import { untilCaughtUp } from './recovery';
import type { Scene, StrikeOptions } from './scenario';

/** One fault of a scenario as it turned out. */
export interface FaultResult {
  readonly name: string;
  readonly fired: number;
  /** Longest time (ms) until everything accepted was published; null if it never fired or nothing had to recover. */
  readonly recoverMs: number | null;
  /** Why it could not happen on this machine. */
  readonly impossible?: string;
}

/** The scene of one run of a scenario; collects what its faults did. */
export class LiveScene implements Scene {
  readonly workers: Service[] = [];
  readonly extra: Acknowledged[] = [];
  readonly #recovered = new Map<string, number>();
  readonly #impossible = new Map<string, string>();

  constructor(
    private readonly run: FaultRun,
    private readonly name: string,
    private readonly workerEnv: Readonly<Record<string, string>>,
    readonly servers: RunServers,
    readonly seconds: number,
    readonly log: (line: string) => void,
  ) {}

  get rig(): FaultRun['rig'] {
    return this.run.rig;
  }
  get tenants(): FaultRun['tenants'] {
    return this.run.tenants;
  }
  get topics(): FaultRun['topics'] {
    return this.run.topics;
  }
  get traffic(): FaultRun['traffic'] {
    return this.run.traffic;
  }

  async strike(
    names: string | readonly string[],
    act: (fired: (how: string) => void) => Promise<unknown>,
    { deadlineMs = DEADLINE_MS }: StrikeOptions = {},
  ): Promise<void> {
    const all = typeof names === 'string' ? [names] : names;
    const name = all.join(', ');
    await act((how) => all.forEach((one) => this.rig.faults.fired(one, how)));
    const tookMs = await untilCaughtUp(this.rig.installation, deadlineMs).catch((error: unknown) => {
      throw new Error(`after ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
    for (const one of all) this.#recovered.set(one, Math.max(tookMs, this.#recovered.get(one) ?? 0));
    this.log(`${this.name}: ${name}, recovered in ${tookMs} ms`);
  }

  impossible(name: string, why: string): void {
    this.#impossible.set(name, why);
    this.log(`${this.name}: ${name} CANNOT HAPPEN HERE: ${why}`);
  }

  produced(events: readonly Acknowledged[]): void {
    this.extra.push(...events);
  }

  async worker(options: LaunchOptions = {}): Promise<Service> {
    return this.rig.worker({ ...options, env: { ...this.workerEnv, ...options.env } });
  }

  /** Of the planned faults, and of those that happened besides. */
  async results(planned: readonly string[]): Promise<FaultResult[]> {
    const fired = await countFired([this.rig.faults.path]);
    const names = [...new Set([...planned, ...this.#recovered.keys()])];
    return names.map((name) => {
      const impossible = this.#impossible.get(name);
      return {
        name,
        fired: fired.get(name) ?? 0,
        recoverMs: this.#recovered.get(name) ?? null,
        ...(impossible !== undefined && { impossible }),
      };
    });
  }

  get possible(): (name: string) => boolean {
    return (name) => !this.#impossible.has(name);
  }
}
