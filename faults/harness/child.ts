import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  /** The program; Node unless given. */
  readonly file?: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Receives stdout and stderr. */
  readonly logFile: string;
  readonly cwd: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A run that dies must not leave workers behind that publish on. One listener for all: Node warns of more than ten. */
const living = new Set<ChildProcess>();
process.once('exit', () => living.forEach((child) => child.kill('SIGKILL')));

/** One process that the harness started, and the only one that it ever signals through this object. */
export class Child {
  readonly ended: Promise<Ended>;
  #end: Ended | null = null;
  readonly #process: ChildProcess;

  constructor(readonly options: ChildOptions) {
    const log = openSync(options.logFile, 'a');
    this.#process = spawn(options.file ?? process.execPath, [...options.args], {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const end = (how: Ended): void => {
        this.#end ??= how;
        living.delete(this.#process);
        resolve(this.#end);
      };
      this.#process.once('error', () => end({ code: null, signal: null }));
      this.#process.once('exit', (code, signal) => end({ code, signal }));
    });
    living.add(this.#process);
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`${this.options.name} did not start`);
    return pid;
  }

  /** How it ended, or null while it lives. */
  get end(): Ended | null {
    return this.#end;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#end === null) this.#process.kill(signal);
  }

  /** SIGTERM, and SIGKILL if it has not ended after `graceMs`. A stopped process is continued first, else it would not hear. */
  async stop(graceMs = 25_000): Promise<Ended> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const ended = await Promise.race([this.ended, delay(graceMs, null, { ref: false })]);
    if (ended !== null) return ended;
    this.signal('SIGKILL');
    return this.ended;
  }

  /** Resolves with how it ended; rejects after `deadlineMs` with the end of its log. */
  async mustEnd(deadlineMs: number): Promise<Ended> {
    const ended = await Promise.race([this.ended, delay(deadlineMs, null, { ref: false })]);
    if (ended === null) throw new Error(`${this.options.name} still runs after ${deadlineMs} ms:\n${this.logTail()}`);
    return ended;
  }

  log(): string {
    return readFileSync(this.options.logFile, 'utf8');
  }

  logTail(): string {
    return this.log().slice(-4_000);
  }

  /** True while the kernel says that it is stopped (SIGSTOP). Linux only, as the harness is. */
  stopped(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    } catch {
      return false;
    }
  }
}
