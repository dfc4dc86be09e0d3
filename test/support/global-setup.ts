import { rmSync } from 'node:fs';
import { startStack } from '../../src/stack';
import { setRunState } from './run-state';
import { stackEnv, temporaryDataDir } from './stack';

/** Starts one stack for all tests that need servers, except for those servers that the environment already names. */
export default async function globalSetup(): Promise<void> {
  const dataDir = temporaryDataDir();
  const { DATABASE_URL, KAFKA_BROKERS, TEMPORAL_ADDRESS } = process.env;
  const stack = await startStack({
    dataDir,
    env: { ...stackEnv(), DATABASE_URL, KAFKA_BROKERS, TEMPORAL_ADDRESS },
    log: (line) => process.stderr.write(`stack: ${line}\n`),
  }).catch((error: unknown) => {
    // Jest runs no teardown after a failed setup; the error carries the end of the server's log.
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  });
  setRunState({ stack, dataDir });
  // Test workers are forked after this and inherit it.
  process.env['DATABASE_URL'] = stack.databaseUrl;
  process.env['KAFKA_BROKERS'] = stack.kafkaBrokers;
  process.env['TEMPORAL_ADDRESS'] = stack.temporalAddress;
}
