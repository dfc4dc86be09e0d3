import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Answer, Calls, Request } from './serve';

/** A process of the benchmark's own, with named calls over IPC: what generates load or counts must not share our event loop. */
export class Helper<C extends Calls<C>> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #calls = 0;
  #ended = false;

  /** `script`: the compiled file that calls `serve`. */
  constructor(
    private readonly name: string,
    script: string,
  ) {
    this.#process = fork(script, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    this.#process.on('message', (answer: Answer) => this.#settle(answer));
    this.#process.once('error', (error) => this.#end(error.message));
    this.#process.once('exit', (code, signal) => this.#end(`ended with ${signal ?? code}`));
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`${this.name} did not start`);
    return pid;
  }

  /** Runs a call in the process; rejects with its error, when the process ends, or after `deadlineMs`. */
  call<K extends keyof C & string>(
    name: K,
    input: Parameters<C[K]>[0],
    deadlineMs = 60_000,
  ): Promise<Awaited<ReturnType<C[K]>>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error(`${this.name} has ended`));
      const id = (this.#calls += 1);
      const timer = setTimeout(
        () => this.#settle({ id, error: `no answer to ${name} within ${deadlineMs} ms` }),
        deadlineMs,
      );
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value as Awaited<ReturnType<C[K]>>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#process.send({ id, name, input } satisfies Request);
    });
  }

  /** Ends the process at once: it holds nothing that has to be saved. */
  stop(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve());
      this.#process.kill('SIGKILL');
    });
  }

  #settle(answer: Answer): void {
    const call = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error === undefined) call?.resolve(answer.value);
    else call?.reject(new Error(`${this.name}: ${answer.error}`));
  }

  #end(why: string): void {
    this.#ended = true;
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error: why });
  }
}
