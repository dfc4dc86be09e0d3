import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { temporalBinary } from '../../src/stack/temporal/binary';
import { stackEnv, testServers } from './stack';

/** Runs a line as an operator would paste it (words in blanks or single quotes) against the test's server; its stdout. */
export async function temporalCli(line: string): Promise<string> {
  const env = stackEnv();
  const binary = await temporalBinary(env['OUTBOX_CACHE_DIR'] ?? '', env, () => undefined);
  const [, ...words] = [...line.matchAll(/'([^']*)'|[^\s']+/g)].map(([word, quoted]) => quoted ?? word);
  const { stdout } = await promisify(execFile)(binary, [...words, '--address', testServers().temporalAddress], { env });
  return stdout;
}
