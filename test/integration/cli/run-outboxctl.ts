import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '../../..');
const command = (args: readonly string[]): string[] => [
  '-r',
  join(root, 'test/support/register-swc.cjs'),
  join(root, 'src/cli/outboxctl.ts'),
  ...args,
];

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line, from source, as a process of its own. */
export function runOutboxctl(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, maxBuffer: 64 * 1_024 * 1_024 };
    const child = execFile(process.execPath, command(args), options, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** Starts it and lets it run, for what ends only when told to. */
export class RunningOutboxctl {
  readonly #child: ChildProcess;
  #out = '';
  #err = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, command(args), { env: { PATH: process.env['PATH'], ...env } });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#out += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#err += text));
  }

  get lines(): string[] {
    return this.#out.split('\n').filter((line) => line !== '');
  }

  get err(): string {
    return this.#err;
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return new Promise((resolve) => {
      this.#child.once('close', (code, by) => resolve({ code, signal: by }));
      this.#child.kill(signal);
    });
  }
}
