import type { Acknowledged } from '../../src/audit/acknowledged';
import type { AuditReport } from '../../src/audit/audit';
import type { FaultRun } from '../harness/fault-run';
import type { LaunchOptions } from '../harness/rig';
import type { Service } from '../harness/service-process';
import type { RunServers, StackKind } from '../servers/pool';
import type { Random } from '../traffic/random';
import type { TrafficOptions } from '../traffic/traffic';

/** One line for each thing that can go wrong; the folder of a scenario is its group. */
export type Group = 'worker' | 'kafka' | 'postgres' | 'temporal' | 'tenancy';

/** What the seed decided beforehand: plain data, printed before anything starts, so that a run can be understood and repeated. */
export type Plan = Readonly<Record<string, number | string | readonly number[] | readonly string[]>>;

/** Where a scenario happens: an installation with traffic flowing, its servers, and the means to strike and to measure. */
export interface Scene extends FaultRun {
  readonly servers: RunServers;
  /** How long faults go on that have no length of their own. */
  readonly seconds: number;
  /** The workers that were up when the scenario began; those that it ends or adds are its own business. */
  readonly workers: readonly Service[];
  readonly log: (line: string) => void;
  /**
   * Makes one fault happen and undoes it (`act`), then measures how long it takes until everything that had been accepted
   * when `act` ended is published, while traffic goes on. `fired` writes the proof; failpoints and proxies write theirs.
   * Several names: faults that follow each other without recovery in between.
   */
  strike(
    names: string | readonly string[],
    act: (fired: (how: string) => void) => Promise<unknown>,
    options?: StrikeOptions,
  ): Promise<void>;
  /** Says that a planned fault cannot happen on this machine: it counts as not fired, and the report says why. */
  impossible(name: string, why: string): void;
  /** Adds events that the scenario produced itself to what is audited. */
  produced(events: readonly Acknowledged[]): void;
  /** What was added so far. */
  readonly extra: readonly Acknowledged[];
  /** Starts one more worker and waits until it is ready. */
  worker(options?: LaunchOptions): Promise<Service>;
}

export interface StrikeOptions {
  /** How long recovery may take (ms). */
  readonly deadlineMs?: number;
}

type Variables = Readonly<Record<string, string>>;

/** One scenario: a few lines that say what breaks; traffic, healing, audit and report are the runner's. */
export interface Scenario {
  readonly name: string;
  readonly group: Group;
  /** For the report: what happens, and what must hold beyond the audit. */
  readonly about: string;
  /** The faults that it must make happen. */
  readonly faults: readonly string[] | ((plan: Plan) => readonly string[]);
  readonly stack?: StackKind;
  /** Default 6. */
  readonly tenants?: number;
  /** Workers that are up before the scenario begins. Default 2. */
  readonly workers?: number;
  /** Variables of workers and api; a function where they depend on the machine. */
  readonly env?: Variables | (() => Variables);
  readonly workerEnv?: Variables;
  readonly traffic?: Partial<Pick<TrafficOptions, 'actors' | 'pauseMs' | 'keys'>>;
  /** The whole scenario fails after this long. Default 240 s. */
  readonly limitSeconds?: number;
  /** Part of the short selection. */
  readonly quick?: true;
  plan?(random: Random, seconds: number): Plan;
  /** Resolves with an audit of its own where the usual one (everything published in the end) does not fit. */
  run(scene: Scene, plan: Plan): Promise<AuditReport | void>;
}
