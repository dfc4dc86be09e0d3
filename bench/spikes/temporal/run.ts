import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { now } from '../../harness/clock';
import { answers } from './answers';
import { DevServer } from './dev-server';
import type { Pragmas } from './dev-server';
import { workerKilled } from './killed';
import { batches, manyOpen } from './open';
import { race } from './race';
import { restart } from './restart';
import { wakeCost } from './wakes';

const BEST: Pragmas = 'WAL/NORMAL';
const ALL: readonly Pragmas[] = ['shipped', 'WAL/FULL', 'WAL/NORMAL', 'WAL/OFF'];

const KINDS = ['returns', 'here', 'elsewhere', 'local', 'unpolled', 'signal', 'local-signal'] as const;

type Part = (folder: string) => Promise<unknown>;

/** Runs `part` with a server of its own. */
async function on<T>(folder: string, pragmas: Pragmas, part: (server: DevServer) => Promise<T>): Promise<T> {
  const server = await DevServer.start(join(folder, pragmas.replace('/', '-')), pragmas);
  try {
    return await part(server);
  } finally {
    await server.end('SIGTERM');
  }
}

async function inTurn<I, T>(items: readonly I[], task: (item: I) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const item of items) results.push(await task(item));
  return results;
}

const PARTS: Readonly<Record<string, Part>> = {
  wakes: (folder) => on(folder, BEST, (server) => inTurn(KINDS, (kind) => wakeCost(server, kind))),
  eager: (folder) =>
    on(folder, BEST, (server) =>
      inTurn([true, false], (eager) => wakeCost(server, 'elsewhere', { eager, name: eager ? 'eager' : 'not eager' })),
    ),
  pragmas: async (folder) => {
    const servers = await inTurn(ALL, (pragmas) =>
      DevServer.start(join(folder, `p-${pragmas.replace('/', '-')}`), pragmas),
    );
    const turns = [...servers, ...servers].map((server, turn) => ({ server, pragmas: ALL[turn % ALL.length] }));
    const result = await inTurn(turns, async ({ server, pragmas }) => ({
      pragmas,
      ...(await wakeCost(server, 'elsewhere', { lone: 20 })),
    }));
    await Promise.all(servers.map((server) => server.end('SIGTERM')));
    return result;
  },
  restart: (folder) =>
    inTurn(['WAL/NORMAL', 'WAL/FULL', 'WAL/OFF'] as const, (pragmas) =>
      on(join(folder, 'restart'), pragmas, async (server) => ({
        pragmas,
        term: await restart(server, 'SIGTERM', 100),
        kill: await restart(server, 'SIGKILL', 100),
      })),
    ),
  open: (folder) => on(join(folder, 'open'), BEST, (server) => manyOpen(server, 10_000, 2_000, 50)),
  killed: (folder) =>
    on(folder, BEST, async (server) => [
      await workerKilled(server, 1_000, 200),
      await workerKilled(server, 10_000, 200),
      await workerKilled(server, 1_000, 50, 'stuck'),
    ]),
  answers: (folder) => on(folder, BEST, answers),
  race: (folder) => on(folder, BEST, (server) => race(server, 240, 2_000)),
  batches: (folder) => on(folder, BEST, (server) => batches(server, 1_000, [10, 50, 1_000])),
};

/** `run.ts [part …] [--json FILE]`: the parts in turn, each on the development server, figures as JSON. */
async function main(args: readonly string[]): Promise<void> {
  const flag = args.indexOf('--json');
  const file = flag < 0 ? undefined : args[flag + 1];
  const named = flag < 0 ? args : args.slice(0, flag);
  const folder = mkdtempSync(join(tmpdir(), 'spike-temporal-'));
  const figures: Record<string, unknown> = {};
  try {
    for (const name of named.length > 0 ? named : Object.keys(PARTS)) {
      const part = PARTS[name];
      if (part === undefined) throw new Error(`there is no part ${name}: ${Object.keys(PARTS).join(', ')}`);
      const start = now();
      figures[name] = await part(folder);
      console.error(`${name}: ${((now() - start) / 1_000).toFixed(0)} s`);
      for (const figure of [figures[name]].flat()) console.log(name, JSON.stringify(figure));
    }
  } finally {
    if (file !== undefined) writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
    rmSync(folder, { recursive: true, force: true });
  }
}

// What was started ends with this process, also when it is told to end.
process.once('SIGTERM', () => process.exit(143));
main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
