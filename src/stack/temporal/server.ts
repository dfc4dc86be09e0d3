import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { definedEnv, runCommand } from '../command';
import { connectOnce, trimLog, untilReady } from '../server';
import type { Server, ServerContext } from '../server';
import { TEMPORAL_DYNAMIC_CONFIG, TEMPORAL_SQLITE_PRAGMAS } from '../settings';
import { temporalBinary } from './binary';

/** Prepares the embedded Temporal: the CLI's dev server with its Web UI, its state in a SQLite file. */
export async function prepareTemporal(context: ServerContext, port: number, uiPort: number): Promise<Server> {
  const { dataDir, cacheDir, env, log } = context;
  const temporal = await temporalBinary(cacheDir, env, log);
  const home = join(dataDir, 'temporal');
  mkdirSync(home, { recursive: true });
  const logFile = join(dataDir, 'logs', 'temporal.log');
  trimLog(logFile);
  const address = `127.0.0.1:${port}`;
  const serverEnv = temporalEnv(env);
  return {
    name: 'temporal',
    command: {
      name: 'temporal',
      file: temporal,
      args: [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
        ...['--db-filename', join(home, 'temporal.db'), '--log-level', 'warn'],
        ...serverFlags(),
      ],
      env: serverEnv,
      cwd: home,
      logFile,
      stopSignal: 'SIGTERM',
    },
    ready: async (ended) => {
      await untilReady(ended, 60_000, () => connectOnce(port));
      await untilReady(ended, 60_000, () => servesNamespace(temporal, address, serverEnv));
    },
  };
}

/** The flags that docker-compose.yml repeats. Search attributes are not among them: `migrate up` registers those everywhere. */
export function serverFlags(): string[] {
  const pragmas = Object.entries(TEMPORAL_SQLITE_PRAGMAS).flatMap(([key, value]) => [
    '--sqlite-pragma',
    `${key}=${value}`,
  ]);
  const dynamic = Object.entries(TEMPORAL_DYNAMIC_CONFIG).flatMap(([key, value]) => [
    '--dynamic-config-value',
    `${key}=${JSON.stringify(value)}`,
  ]);
  return [...pragmas, ...dynamic];
}

/** The port opens before the namespace is there; a workflow started then would fail. */
async function servesNamespace(temporal: string, address: string, env: Record<string, string>): Promise<void> {
  const list = ['operator', 'search-attribute', 'list', '--address', address, '--output', 'json'];
  const { code, output } = await runCommand(temporal, list, { env, timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`Temporal's namespace is not ready: ${output}`);
}

/** Without TEMPORAL_* variables and profiles: they name the application's server, and the CLI would follow them. */
function temporalEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(definedEnv(env)).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(kept) };
}
