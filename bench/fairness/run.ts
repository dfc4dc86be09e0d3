import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { now } from '../harness/clock';
import { Closing } from '../harness/closing';
import { startServers } from '../harness/servers';
import { measureMany } from './many';
import { measureQuiet } from './quiet';
import { measureQuota } from './quota';
import { FairnessRig } from './rig';
import { measureWeights } from './weights';

const PARTS = ['quiet', 'weights', 'quota', 'quota-killed', 'many'] as const;

/**
 * `npm run bench:fairness -- [--only PART] [--json FILE] [--quick]`: what tenants do to each other, and whether a quota holds.
 * Figures, no verdicts: on a loaded machine they say something about the machine. But events that were lost or doubled fail the run.
 */
async function main(): Promise<number> {
  const command = new Command('npm run bench:fairness --')
    .option('--json <file>', 'write the figures as JSON')
    .option('--quick', 'shorter windows and a smaller backlog', false)
    .addOption(new Option('--only <parts...>', 'measure only these').choices(PARTS))
    .parse(process.argv.slice(2), { from: 'user' });
  const given = command.opts<{ json?: string; quick: boolean; only?: (typeof PARTS)[number][] }>();
  const parts = given.only ?? PARTS;
  const began = now();
  const log = (line: string): void =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void closing.close().then(() => process.exit(1)));
  }
  try {
    const rig = await FairnessRig.start(await startServers(closing, log), closing);
    const figures: Record<string, unknown> = {};
    const size = given.quick
      ? { seconds: 15, bulk: 60_000, dead: 10_000, backlog: 60_000, many: 500, watchSeconds: 10 }
      : { seconds: 30, bulk: 300_000, dead: 100_000, backlog: 100_000, many: 10_000, watchSeconds: 60 };
    if (parts.includes('quiet')) figures['quiet'] = await measureQuiet(rig, { tenants: 50, ...size }, log);
    if (parts.includes('weights')) figures['weights'] = await measureWeights(rig, size, log);
    const quota = { seconds: 2 * size.seconds };
    if (parts.includes('quota')) figures['quota'] = await measureQuota(rig, { ...quota, killEveryS: null }, log);
    if (parts.includes('quota-killed')) {
      figures['quotaKilled'] = await measureQuota(rig, { ...quota, killEveryS: 10 }, log);
    }
    if (parts.includes('many')) figures['manyTenants'] = await measureMany(rig, size, log);
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
    if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(figures, null, 2)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
