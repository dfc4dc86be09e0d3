import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OutboxError } from '../../domain/errors';
import { findOnPath, runCommand } from '../command';
import { withLock } from '../file-lock';
import { packageRoot, writableHome } from '../locations';
import { missingPrerequisite } from '../prerequisites';
import type { Log } from '../server';

/**
 * The folder with Kafka's jars, fetched by Maven on first use. Its name carries the hash of pom.xml, so another
 * version never meets the jars of this one; it appears by rename, so it is complete whenever it exists.
 */
export async function kafkaJars(cacheDir: string, env: NodeJS.ProcessEnv, log: Log): Promise<string> {
  const pom = join(packageRoot(), 'src', 'stack', 'kafka', 'pom.xml');
  const folder = join(cacheDir, `kafka-${createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const onWait = (): void => log('waiting for another process to fetch the Kafka jars');
  return withLock(`${folder}.lock`, onWait, async () => {
    if (!existsSync(folder)) await fetchJars(pom, folder, cacheDir, env, log);
    return folder;
  });
}

async function fetchJars(
  pom: string,
  folder: string,
  cacheDir: string,
  env: NodeJS.ProcessEnv,
  log: Log,
): Promise<void> {
  const maven = findOnPath('mvn', env);
  if (maven === undefined) throw missingPrerequisite('maven');
  log('fetching the Kafka jars with Maven (once, about 110 MB)');
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const result = await runCommand(
    maven,
    [
      '--batch-mode',
      '--quiet',
      // Maven asks the passwd file for the home folder, not HOME; without a usable one its repository goes into ours.
      ...(writableHome(env) === undefined ? [`-Dmaven.repo.local=${join(cacheDir, 'm2')}`] : []),
      `--file=${pom}`,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${draft}`,
    ],
    { env, cwd: cacheDir },
  );
  if (result.code !== 0) {
    throw new OutboxError(
      'CONFIG_INVALID',
      `Maven could not fetch the jars of the embedded Kafka broker:\n${result.output}\n` +
        'Check the network and the mirror in ~/.m2/settings.xml, or set KAFKA_BROKERS to a broker of your own.',
    );
  }
  renameSync(draft, folder);
}
