import type { Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultLog } from './fault-log';
import { closeListener, dial, listen, socketServer } from './listener';

/**
 * lost-answer   what matches reaches the server; once the server begins to answer, the connection is closed in its place
 * lost-request  the connection is closed before what matches reaches the server
 */
export interface TcpRule {
  readonly name: string;
  readonly fault: 'lost-answer' | 'lost-request';
  /** Looks at one chunk from client to server as latin1 text; the text of an SQL statement is in its first chunk. */
  readonly matches: RegExp;
  /** Acts on the nth match from now, from 1. Default 1. */
  readonly nth?: number;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** True once a `lost-answer` rule took a request of this connection. */
  mute: boolean;
}

/** A TCP proxy for Postgres and Temporal: pause, cut, delay, refuse, and losing single requests or answers. */
export class TcpProxy {
  readonly #connections = new Set<Connection>();
  readonly #rules: { readonly rule: TcpRule; seen: number }[] = [];
  #refuses = false;
  #delayMs = 0;
  #paused: { readonly until: Promise<void>; readonly resume: () => void } | null = null;

  private constructor(
    readonly port: number,
    private readonly server: Server,
    private readonly log: FaultLog,
    private serverPort: number,
  ) {}

  static async start(options: {
    readonly serverPort: number;
    readonly port?: number;
    readonly log: FaultLog;
  }): Promise<TcpProxy> {
    const server = socketServer((client) => proxy.#accept(client));
    const proxy: TcpProxy = new TcpProxy(
      await listen(server, options.port ?? 0),
      server,
      options.log,
      options.serverPort,
    );
    return proxy;
  }

  add(rule: TcpRule): void {
    this.#rules.push({ rule, seen: 0 });
  }

  /** Accepts connections but moves no byte until `resume`: a black hole. */
  pause(name: string): void {
    if (this.#paused !== null) return;
    this.log.fired(name, 'pause');
    let resume: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (resume = resolve));
    this.#paused = { until, resume };
  }

  resume(): void {
    this.#paused?.resume();
    this.#paused = null;
  }

  /** New connections lead to this port from now on: another server took the address over. */
  leadTo(port: number): void {
    this.serverPort = port;
  }

  /** Closes every connection, and new ones at once while `refuse` is true. */
  cut(name: string, refuse = false): void {
    this.log.fired(name, refuse ? 'refuse' : 'cut');
    this.#refuses = refuse;
    this.#destroyAll();
  }

  /** Adds this delay (ms) to every chunk, each way; 0 = none. */
  delay(name: string, ms: number): void {
    if (ms > 0) this.log.fired(name, 'delay');
    this.#delayMs = ms;
  }

  heal(): void {
    this.#refuses = false;
    this.#delayMs = 0;
    this.resume();
  }

  async close(): Promise<void> {
    this.#refuses = true;
    this.resume();
    this.#destroyAll();
    await closeListener(this.server);
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      client.destroy();
      return;
    }
    const connection: Connection = { client, server: dial(this.serverPort), mute: false };
    this.#connections.add(connection);
    this.#pipe(connection, client, connection.server, (chunk) => this.#judge(connection, chunk));
    this.#pipe(connection, connection.server, client, () => {
      if (connection.mute) this.#destroy(connection);
      return !connection.mute;
    });
  }

  /** Moves chunks in order, one at a time: the source is paused while one waits, which also carries back-pressure on. */
  #pipe(connection: Connection, from: Socket, to: Socket, pass: (chunk: Buffer) => boolean): void {
    const move = async (chunk: Buffer): Promise<void> => {
      if (this.#paused !== null) await this.#paused.until;
      if (this.#delayMs > 0) await delay(this.#delayMs);
      if (!to.destroyed && pass(chunk) && !to.write(chunk)) {
        await new Promise<void>((resolve) => {
          to.once('drain', resolve);
          to.once('close', resolve);
        });
      }
    };
    from.on('data', (chunk: Buffer) => {
      from.pause();
      void move(chunk).then(() => from.resume());
    });
    // Errors are always followed by close.
    from.on('error', () => undefined);
    from.on('close', () => this.#destroy(connection));
  }

  /** False if the chunk must not reach the server. */
  #judge(connection: Connection, chunk: Buffer): boolean {
    if (this.#rules.length === 0) return true;
    const text = chunk.toString('latin1');
    for (const armed of this.#rules) {
      if (!armed.rule.matches.test(text)) continue;
      armed.seen += 1;
      if (armed.seen !== (armed.rule.nth ?? 1)) continue;
      this.log.fired(armed.rule.name, armed.rule.fault);
      if (armed.rule.fault === 'lost-request') {
        this.#destroy(connection);
        return false;
      }
      connection.mute = true;
    }
    return true;
  }

  #destroy(connection: Connection): void {
    connection.client.destroy();
    connection.server.destroy();
    this.#connections.delete(connection);
  }

  #destroyAll(): void {
    for (const connection of [...this.#connections]) this.#destroy(connection);
  }
}
