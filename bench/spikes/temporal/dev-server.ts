import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { poll } from '../../harness/clock';
import { cacheFolder } from '../../../src/stack/locations';
import { choosePort } from '../../../src/stack/ports';
import { temporalBinary } from '../../../src/stack/temporal/binary';

/** `shipped` gives no pragma, so SQLite's rollback journal and FULL. */
export type Pragmas = 'shipped' | `${'WAL' | 'DELETE'}/${'FULL' | 'NORMAL' | 'OFF'}`;

/** A development server with the flags of the embedded stack, that can be ended and started again on its file. */
export class DevServer {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly binary: string,
    private readonly home: string,
    private readonly port: number,
    private readonly pragmas: Pragmas,
  ) {}

  static async start(folder: string, pragmas: Pragmas): Promise<DevServer> {
    mkdirSync(folder, { recursive: true });
    const binary = await temporalBinary(cacheFolder(folder, process.env), process.env, console.error);
    const server = new DevServer(binary, folder, await choosePort('', {}, undefined, new Set()), pragmas);
    process.once('exit', () => server.#process?.kill('SIGKILL'));
    await server.up();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  async up(): Promise<void> {
    const log = openSync(join(this.home, 'server.log'), 'a');
    const [journal, synchronous] = this.pragmas.split('/');
    const flags = ['--sqlite-pragma', `journal_mode=${journal}`, '--sqlite-pragma', `synchronous=${synchronous}`];
    const args = [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(this.port), '--headless'],
      ...['--db-filename', join(this.home, 'temporal.db'), '--log-level', 'warn'],
      ...['--dynamic-config-value', 'system.enableActivityEagerExecution=true'],
      ...(this.pragmas === 'shipped' ? [] : flags),
    ];
    this.#process = spawn(this.binary, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    await poll('the server serves its namespace', 60_000, 50, () => this.#serves());
  }

  /** Ends the server and resolves when its process is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  async #serves(): Promise<boolean> {
    if (this.#process?.exitCode !== null) throw new Error(`the server ended: see ${this.home}/server.log`);
    try {
      const connection = await Connection.connect({ address: this.address, connectTimeout: 1_000 });
      try {
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        await connection.workflowService.listOpenWorkflowExecutions({ namespace: 'default' });
        return true;
      } finally {
        await connection.close();
      }
    } catch {
      return false;
    }
  }
}
