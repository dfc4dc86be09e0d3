import { now } from '../harness/clock';
import { Closing } from '../harness/closing';
import { startServers } from '../harness/servers';
import { describe } from './harness/describe';
import { TenantsRig } from './harness/rig';
import { parseOptions } from './options';
import type { TenantsOptions } from './options';
import { circumstances, loadNow, writeJson } from './report/results';
import { table } from './report/table';
import { runSuite } from './suite';

type Log = (line: string) => void;

/** Resolves with the table; the figures are in the JSON file by then. */
async function bench(options: TenantsOptions, closing: Closing, log: Log): Promise<string> {
  const loadBefore = loadNow();
  const servers = await startServers(closing, log);
  const up = now();
  const rig = await TenantsRig.start(options, servers, closing, log);
  const measured = await runSuite(rig).catch(async (error: unknown) => {
    log(await describe(rig).catch(String));
    throw error;
  });
  const around = circumstances(options, servers.embedded, { tookSeconds: (now() - up) / 1_000, loadBefore });
  if (options.json !== null) writeJson(options.json, measured, around);
  return table(measured, around);
}

/** Rejects when the run is interrupted or exceeds its time: then everything is ended, as after any other failure. */
function stopped({ sizes }: TenantsOptions): Promise<never> {
  return new Promise((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('terminated')));
    const late = (): void => reject(new Error(`not done after ${sizes.limitSeconds} s`));
    setTimeout(late, sizes.limitSeconds * 1_000).unref();
  });
}

/**
 * `npm run bench:tenants -- [--json FILE] [--quick] [--seed N] [--only PART]`: what many tenants cost beside one, on the relays. Progress
 * goes to stderr, the table to stdout. Figures, no verdicts; but events that were lost or doubled fail the run.
 */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const began = now();
  const log: Log = (line) =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  log(`seed ${options.seed}`);
  try {
    process.stdout.write(`${await Promise.race([bench(options, closing, log), stopped(options)])}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
