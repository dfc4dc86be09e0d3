import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, runCommand } from '../../../src/stack/command';
import { withLock } from '../../../src/stack/file-lock';
import { cacheFolder, packageRoot, writableHome } from '../../../src/stack/locations';
import { missingPrerequisite } from '../../../src/stack/prerequisites';

/**
 * The folder with the jars of Kafka Connect and Debezium, fetched by Maven on first use into the cache folder, as the
 * stack does it for Kafka: named by the hash of pom.xml, complete whenever it exists.
 */
export async function debeziumJars(log: (line: string) => void): Promise<string> {
  const env = process.env;
  const cache = cacheFolder(join(packageRoot(), '.data'), env);
  const pom = join(packageRoot(), 'bench', 'peers', 'debezium', 'pom.xml');
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  const folder = join(cache, `peer-debezium-${version}`);
  if (existsSync(folder)) return folder;
  return withLock(
    `${folder}.lock`,
    () => log('waiting for another process to fetch the Debezium jars'),
    async () => {
      if (!existsSync(folder)) await fetchJars(pom, folder, cache, log);
      return folder;
    },
  );
}

async function fetchJars(pom: string, folder: string, cache: string, log: (line: string) => void): Promise<void> {
  const maven = findOnPath('mvn', process.env);
  if (maven === undefined) throw missingPrerequisite('maven');
  log('fetching Kafka Connect and Debezium with Maven (once, about 45 MB)');
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  const repository = writableHome(process.env) === undefined ? [`-Dmaven.repo.local=${join(cache, 'm2')}`] : [];
  const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`];
  const { code, output } = await runCommand(
    maven,
    ['--batch-mode', '--quiet', ...repository, `--file=${pom}`, ...copy],
    {
      cwd: cache,
    },
  );
  if (code !== 0) {
    throw new Error(
      `Maven could not fetch the jars of Debezium:\n${output}\n` +
        'Check the network and the mirror in ~/.m2/settings.xml, or leave Debezium out with --only.',
    );
  }
  renameSync(draft, folder);
}
