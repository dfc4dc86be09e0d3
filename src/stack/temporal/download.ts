import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isExecutable, runCommand } from '../command';
import { packageRoot } from '../locations';
import type { Log } from '../server';
import { TEMPORAL_CLI } from '../settings';

/** Enough for 50 MB on an ordinary line; behind a firewall that drops packets it is all that is lost. */
const LIMIT_MS = 15_000;

/**
 * The SDK can only download the CLI by also starting a server from it; asked for its help text that server ends at
 * once, so that nothing is left running when the time limit strikes.
 */
const PROGRAM = `
const { TestWorkflowEnvironment } = require('@temporalio/testing');
const [, downloadDir, version] = process.argv;
const executable = { type: 'cached-download', downloadDir, version };
TestWorkflowEnvironment.createLocal({ server: { executable, extraArgs: ['--help'] } }).then(
  (environment) => environment.teardown(),
  (error) => { console.error(String(error.message ?? error)); process.exit(1); },
);
`;

/**
 * Lets the Temporal SDK download the CLI into `folder`.
 * @returns the program's path, or undefined if that did not work (no network, or installed without development packages).
 */
export async function downloadTemporal(folder: string, env: NodeJS.ProcessEnv, log: Log): Promise<string | undefined> {
  const version = TEMPORAL_CLI.version.replace(/^v/, '');
  const { output } = await runCommand(process.execPath, ['-e', PROGRAM, folder, version], {
    env,
    cwd: packageRoot(),
    timeoutMs: LIMIT_MS,
  });
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (name.endsWith('.downloading') || !isExecutable(file)) continue;
    const { code } = await runCommand(file, ['--version'], { env, timeoutMs: LIMIT_MS });
    if (code === 0) return file;
  }
  log(`the Temporal CLI could not be downloaded: ${output.trim().split('\n').at(-1) || 'no answer in time'}`);
  return undefined;
}
