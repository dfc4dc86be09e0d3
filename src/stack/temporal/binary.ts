import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OutboxError } from '../../domain/errors';
import { findOnPath, isExecutable, runCommand } from '../command';
import { withLock } from '../file-lock';
import { writableHome } from '../locations';
import { missingPrerequisite } from '../prerequisites';
import type { Log } from '../server';
import { TEMPORAL_CLI } from '../settings';
import { downloadTemporal } from './download';

/** What the tests run with: an older CLI on PATH would start without a word. */
const OLDEST_SERVER = [1, 29] as const;

/**
 * The Temporal CLI: the one on PATH if its server is new enough, else the cache's, which is filled on first use by
 * the SDK's download (15 s at most) or, where that fails, by `go install` (about 2 minutes on two cores).
 */
export async function temporalBinary(cacheDir: string, env: NodeJS.ProcessEnv, log: Log): Promise<string> {
  const onPath = findOnPath('temporal', env);
  if (onPath !== undefined) {
    if (await isNewEnough(onPath, env)) return onPath;
    log(`${onPath} is older than server ${OLDEST_SERVER.join('.')}: looking further`);
  }
  const cached = join(cacheDir, `temporal-${TEMPORAL_CLI.version}`);
  if (isExecutable(cached)) return cached;
  const onWait = (): void => log('waiting for another process to provide the Temporal CLI');
  return withLock(`${cached}.lock`, onWait, async () => {
    if (isExecutable(cached)) return cached;
    const draft = `${cached}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    log('downloading the Temporal CLI (once)');
    const made = (await downloadTemporal(draft, env, log)) ?? (await buildTemporal(draft, cacheDir, env, log));
    renameSync(made, cached);
    rmSync(draft, { recursive: true, force: true });
    return cached;
  });
}

/** The server version in the output of `temporal --version`, as [major, minor]. */
export function serverVersion(output: string): readonly [number, number] | undefined {
  const match = /Server (\d+)\.(\d+)/.exec(output);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

async function isNewEnough(temporal: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const { code, output } = await runCommand(temporal, ['--version'], { env, timeoutMs: 20_000 });
  const version = code === 0 ? serverVersion(output) : undefined;
  if (version === undefined) return false;
  const [major, minor] = version;
  return major > OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor >= OLDEST_SERVER[1]);
}

async function buildTemporal(draft: string, cacheDir: string, env: NodeJS.ProcessEnv, log: Log): Promise<string> {
  const go = findOnPath('go', env);
  if (go === undefined) throw missingPrerequisite('go');
  log('building the Temporal CLI with Go (once, about 2 minutes)');
  // Without a home Go finds no place for its own caches.
  const caches =
    writableHome(env) === undefined
      ? {
          GOPATH: join(cacheDir, 'go'),
          GOCACHE: join(cacheDir, 'go-build'),
          // Else its modules are read-only, and `rm -r` on the data folder fails.
          GOFLAGS: [env['GOFLAGS'], '-modcacherw'].filter(Boolean).join(' '),
        }
      : {};
  const result = await runCommand(go, ['install', `${TEMPORAL_CLI.module}@${TEMPORAL_CLI.version}`], {
    env: { ...env, ...caches, GOBIN: draft },
    cwd: cacheDir,
  });
  const built = join(draft, 'temporal');
  if (result.code !== 0 || !existsSync(built)) {
    throw new OutboxError(
      'CONFIG_INVALID',
      `Go could not build the Temporal CLI:\n${result.output}\n` +
        'It needs Go 1.25 or later and its module proxy. Mend what it names, put the Temporal CLI on PATH, ' +
        'or set TEMPORAL_ADDRESS to a server of your own.',
    );
  }
  return built;
}
