import { setTimeout as sleep } from 'node:timers/promises';
import { OutboxError, errorMessage } from '../domain/errors';
import type { ErrorCode } from '../domain/errors';
import type { GuardClient } from './guard-client';
import type { ServerName } from './guard-protocol';
import { identify, isRunning } from './process-identity';
import type { ProcessIdentity } from './process-identity';
import { logTail } from './server';
import type { Log, Server } from './server';

const UNAVAILABLE = {
  postgres: 'POSTGRES_UNAVAILABLE',
  kafka: 'KAFKA_UNAVAILABLE',
  temporal: 'TEMPORAL_UNAVAILABLE',
} as const satisfies Record<ServerName, ErrorCode>;

/** Right after a kill -9 the dead server's children or sockets may still hold what it needs; they go within a second. */
const START_ATTEMPTS = 4;

/** One server of a stack over its starts and ends. */
export class RunningServer {
  pid: number | undefined;
  private identity: ProcessIdentity | undefined;
  private expected = false;

  constructor(
    private readonly server: Server,
    private readonly guard: GuardClient,
    private readonly log: Log,
  ) {}

  get name(): ServerName {
    return this.server.name;
  }

  /** Starts the server and waits until it answers. @throws OutboxError *_UNAVAILABLE with the end of its log. */
  async start(attempts = 1): Promise<void> {
    const ended = new AbortController();
    const forget = this.guard.onceEnded(this.name, (how) => {
      this.pid = undefined;
      ended.abort(new Error(`it ended by ${how}`));
    });
    try {
      this.pid = await this.guard.start(this.server.command);
      this.identity = identify(this.pid);
      await this.server.ready(ended.signal);
    } catch (error) {
      if (attempts > 1 && ended.signal.aborted) {
        await sleep(500);
        return this.start(attempts - 1);
      }
      throw this.startError(error);
    } finally {
      forget();
    }
    this.expected = false;
    this.guard.onceEnded(this.name, (how) => {
      this.pid = undefined;
      if (!this.expected) this.log(`${this.name} ended by ${how}; its log: ${this.server.command.logFile}`);
    });
    if (ended.signal.aborted) throw this.startError(ended.signal.reason);
  }

  kill(signal: NodeJS.Signals): void {
    if (this.pid === undefined) {
      throw new OutboxError(UNAVAILABLE[this.name], `${this.name} does not run; restart it before sending ${signal}.`);
    }
    process.kill(this.pid, signal);
  }

  async restart(): Promise<void> {
    this.expectEnd();
    if (this.pid !== undefined) await this.guard.end(this.name);
    await this.start(START_ATTEMPTS);
  }

  /** From here on its end is no news. */
  expectEnd(): void {
    this.expected = true;
  }

  /** After the guard has gone: ends the server if it outlived the guard, which only happens when that was killed. */
  endOrphan(): void {
    this.pid = undefined;
    if (this.identity === undefined || !isRunning(this.identity)) return;
    this.log(`${this.name} outlived its guard: ending it`);
    process.kill(this.identity.pid, this.server.command.stopSignal);
  }

  private startError(error: unknown): OutboxError {
    const { logFile } = this.server.command;
    return new OutboxError(
      UNAVAILABLE[this.name],
      `The embedded ${this.name} did not start: ${errorMessage(error)}. The end of ${logFile}:\n${logTail(logFile)}\n` +
        `Mend what it names, or set the server's address (DATABASE_URL, KAFKA_BROKERS, TEMPORAL_ADDRESS) to your own.`,
      { cause: error },
    );
  }
}
