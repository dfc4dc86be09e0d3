import { join } from 'node:path';
import { findOnPath, isExecutable, runCommand } from '../command';
import { missingPrerequisite } from '../prerequisites';

const OLDEST = 17;

/** The Java to run Kafka with: JAVA_HOME's, else the one on PATH; Kafka 4 needs 17. */
export async function findJava(env: NodeJS.ProcessEnv): Promise<string> {
  const fromHome = env['JAVA_HOME'] ? join(env['JAVA_HOME'], 'bin', 'java') : undefined;
  const java = fromHome !== undefined && isExecutable(fromHome) ? fromHome : findOnPath('java', env);
  if (java === undefined) throw missingPrerequisite('java');
  const { code, output } = await runCommand(java, ['-version'], { env, timeoutMs: 20_000 });
  const major = javaMajor(output);
  if (code !== 0 || major === undefined || major < OLDEST) throw missingPrerequisite('java', `${java}: ${output}`);
  return java;
}

/** The major version in the output of `java -version`: 17 of "17.0.15", 8 of "1.8.0_402". */
export function javaMajor(output: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(output);
  return match === null ? undefined : Number(match[1]);
}
