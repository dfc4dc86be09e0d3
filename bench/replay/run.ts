import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Closing } from '../harness/closing';
import { now } from '../harness/clock';
import { rounded } from '../harness/statistics';
import { startServers } from '../harness/servers';
import { measureReplay } from './measure';

/** `npm run bench:replay -- [--events N] [--json FILE]`. Progress goes to stderr, the figures to stdout. */
async function main(): Promise<number> {
  const given = new Command('npm run bench:replay --')
    .description('Replays a large set of published events beside a trickle of live ones.')
    .option('--events <number>', 'events to replay; 1000000 takes some minutes', '100000')
    .option('--json <file>', 'write the figures as JSON')
    .parse(process.argv.slice(2), { from: 'user' })
    .opts<{ events: string; json?: string }>();
  const events = Number(given.events);
  if (!Number.isSafeInteger(events) || events < 1_000) throw new Error('--events must be a whole number from 1000 on');
  const began = now();
  const log = (line: string): void =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));
  });
  try {
    const servers = await startServers(closing, log);
    const figures = await Promise.race([measureReplay(servers, closing, { events, log }), interrupted]);
    const tidy = JSON.stringify(
      figures,
      (_, value: unknown) => (typeof value === 'number' ? rounded(value, 1) : value),
      2,
    );
    if (given.json !== undefined) writeFileSync(given.json, `${tidy}\n`);
    process.stdout.write(`${tidy}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
