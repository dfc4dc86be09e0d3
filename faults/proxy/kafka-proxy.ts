import type { Server, Socket } from 'node:net';
import type { FaultLog } from './fault-log';
import { KafkaConnection } from './kafka-connection';
import { ArmedRule } from './kafka-rules';
import type { KafkaRule } from './kafka-rules';
import { closeListener, dial, listen, socketServer } from './listener';

export interface KafkaProxyOptions {
  /** The broker's listener whose advertised address is this proxy (see `proxiedListener`). */
  readonly brokerPort: number;
  /** Port of the proxy; 0 = a free one. */
  readonly port?: number;
  readonly log: FaultLog;
}

/**
 * A TCP proxy that knows Kafka's frames and does to single requests and answers what networks and brokers do. Clients that
 * bootstrap through it stay behind it, because the broker's own listener advertises the proxy: rewriting addresses inside
 * Metadata, FindCoordinator and DescribeCluster answers would have to follow every version of each.
 */
export class KafkaProxy {
  readonly #connections = new Set<KafkaConnection>();
  #rules: ArmedRule[] = [];
  #refuses = false;

  private constructor(
    readonly port: number,
    private readonly server: Server,
    private readonly log: FaultLog,
  ) {}

  static async start(options: KafkaProxyOptions): Promise<KafkaProxy> {
    const server = socketServer((client) => proxy.#accept(client, options.brokerPort));
    const proxy: KafkaProxy = new KafkaProxy(await listen(server, options.port ?? 0), server, options.log);
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Adds a rule; it counts from now. The first rule that takes a request decides about it. */
  add(rule: KafkaRule): ArmedRule {
    const armed = new ArmedRule(rule, this.log);
    this.#rules.push(armed);
    return armed;
  }

  /** Ends a rule; what it holds back is released. */
  remove(armed: ArmedRule): void {
    this.#rules = this.#rules.filter((other) => other !== armed);
    armed.release();
  }

  clear(): void {
    for (const armed of [...this.#rules]) this.remove(armed);
  }

  /** Closes every connection (RST or FIN as the system decides), and new ones too while `refuse` is true. */
  cut(refuse = false): void {
    this.#refuses = refuse;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Accepts connections again. */
  heal(): void {
    this.#refuses = false;
  }

  async close(): Promise<void> {
    this.clear();
    this.cut(true);
    await closeListener(this.server);
  }

  #accept(client: Socket, brokerPort: number): void {
    if (this.#refuses) {
      client.destroy();
      return;
    }
    const connection: KafkaConnection = new KafkaConnection(
      client,
      dial(brokerPort),
      (frame) => this.#rules.find((armed) => armed.takes(frame)) ?? null,
      () => this.#connections.delete(connection),
    );
    this.#connections.add(connection);
  }
}

/**
 * Broker properties for a second listener that advertises the proxy: pass them to the broker beside its own, give
 * the proxy's port to clients that shall meet faults and the plain port to those that shall not (the auditor).
 */
export function proxiedListener(ports: {
  readonly plain: number;
  readonly controller: number;
  /** Where the broker listens for the proxy. */
  readonly behindProxy: number;
  readonly proxy: number;
}): Record<string, string> {
  const at = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  return {
    listeners: [
      at('PLAINTEXT', ports.plain),
      at('CONTROLLER', ports.controller),
      at('PROXIED', ports.behindProxy),
    ].join(','),
    'advertised.listeners': [at('PLAINTEXT', ports.plain), at('PROXIED', ports.proxy)].join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
  };
}
