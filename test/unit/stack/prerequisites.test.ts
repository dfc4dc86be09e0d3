import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OutboxError } from '../../../src/domain/errors';
import { findJava, javaMajor } from '../../../src/stack/kafka/java';
import { kafkaJars } from '../../../src/stack/kafka/jars';
import { missingPrerequisite } from '../../../src/stack/prerequisites';
import { serverVersion } from '../../../src/stack/temporal/binary';

/** A machine with nothing but the given programs (shell scripts). */
function machine(programs: Record<string, string> = {}): { path: string; env: NodeJS.ProcessEnv } {
  const path = mkdtempSync(join(tmpdir(), 'temporal-outbox-machine-'));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, name), 0o755);
  }
  folders.push(path);
  return { path, env: { PATH: path } };
}

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const caught = (promise: Promise<unknown>): Promise<OutboxError> =>
  promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => error as OutboxError,
  );

const quiet = (): void => undefined;

describe('a missing prerequisite says what, why, how to install it and which variable avoids it', () => {
  test.each([
    ['java', 'KAFKA_BROKERS'],
    ['maven', 'KAFKA_BROKERS'],
    ['go', 'TEMPORAL_ADDRESS'],
    ['postgresUser', 'DATABASE_URL'],
    ['postgresBinaries', 'DATABASE_URL'],
    ['postgresFolder', 'DATABASE_URL'],
  ] as const)('%s', (name, variable) => {
    const error = missingPrerequisite(name);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toMatch(/^Missing: .+\n {2}Why: .+\n {2}Install: .+\n {2}Or avoid it: /);
    expect(error.message).toContain(`set ${variable} to`);
  });

  test('no Java', async () => {
    const error = await caught(findJava(machine().env));
    expect(error.details).toEqual({ prerequisite: 'java' });
  });

  test('a Java too old for Kafka 4 is named', async () => {
    const { env } = machine({ java: `echo 'openjdk version "11.0.2" 2019-01-15' >&2` });
    const error = await caught(findJava(env));
    expect(error.message).toContain('openjdk version "11.0.2"');
  });

  test('JAVA_HOME goes before PATH', async () => {
    const { env } = machine({ java: `echo 'openjdk version "11.0.2"' >&2` });
    const home = machine();
    const good = machine({ java: `echo 'openjdk version "21.0.1"' >&2` });
    mkdirSync(join(home.path, 'bin'));
    renameSync(join(good.path, 'java'), join(home.path, 'bin', 'java'));
    await expect(findJava({ ...env, JAVA_HOME: home.path })).resolves.toBe(join(home.path, 'bin', 'java'));
  });

  test('no Maven, and a Maven that fails', async () => {
    const none = machine();
    expect((await caught(kafkaJars(none.path, none.env, quiet))).details).toEqual({ prerequisite: 'maven' });
    const failing = machine({ mvn: 'echo "no route to the mirror"; exit 1' });
    const error = await caught(kafkaJars(failing.path, failing.env, quiet));
    expect(error.message).toMatch(/no route to the mirror[\s\S]*KAFKA_BROKERS/);
  });
});

test('versions as the programs print them', () => {
  expect(javaMajor('openjdk version "17.0.15" 2025-04-15')).toBe(17);
  expect(javaMajor('java version "1.8.0_402"')).toBe(8);
  expect(javaMajor('command not found')).toBeUndefined();
  expect(serverVersion('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)')).toEqual([1, 29]);
  expect(serverVersion('temporal version 0.9')).toBeUndefined();
});
