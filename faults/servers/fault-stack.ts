import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../src/stack';
import type { ServerName, Stack } from '../../src/stack';
import { cacheFolder, packageRoot } from '../../src/stack/locations';
import { choosePort } from '../../src/stack/ports';
import { proxiedListener } from '../proxy/kafka-proxy';

export interface FaultStack {
  readonly stack: Stack;
  /** For `RigOptions.proxiedKafka`. */
  readonly proxiedKafka: { readonly brokerPort: number; readonly port: number };
  /** Holds the servers' data and logs. */
  readonly dataDir: string;
  /** Stops the servers and deletes their data. */
  stop(): Promise<void>;
}

/** Servers of their own that a test may kill; the broker also has a listener that advertises a Kafka proxy. */
export async function startFaultStack(
  only: readonly ServerName[],
  kafkaProperties: Readonly<Record<string, string>> = {},
  dataDir = temporaryFolder(),
): Promise<FaultStack> {
  const ports = await fourPorts();
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    JAVA_HOME: process.env['JAVA_HOME'],
    OUTBOX_CACHE_DIR: cacheFolder(join(packageRoot(), '.data'), process.env),
    OUTBOX_STACK_KAFKA_PORT: String(ports.plain),
    OUTBOX_STACK_KAFKA_CONTROLLER_PORT: String(ports.controller),
  };
  const stack = await startStack({
    dataDir,
    env,
    only,
    kafkaOverrides: { ...proxiedListener(ports), ...kafkaProperties },
  });
  return {
    stack,
    dataDir,
    proxiedKafka: { brokerPort: ports.behindProxy, port: ports.proxy },
    stop: async () => {
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A fresh folder that the user of Postgres may enter too, should this run as root. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-fault-stack-'));
  chmodSync(folder, 0o755);
  return folder;
}

async function fourPorts(): Promise<{ plain: number; controller: number; behindProxy: number; proxy: number }> {
  const taken = new Set<number>();
  const next = async (): Promise<number> => {
    const port = await choosePort('', {}, undefined, taken);
    taken.add(port);
    return port;
  };
  return { plain: await next(), controller: await next(), behindProxy: await next(), proxy: await next() };
}
