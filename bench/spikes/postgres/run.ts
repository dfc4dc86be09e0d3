/**
 * The look, claims and sweep beside a write transaction that stays open: `run.ts [seconds it stays open, 180] [plain | guarded]`. 2,000 inserts a
 * second are settled all the while. Prints what each query takes before, early and late in it, and after its commit.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startStack } from '../../../src/stack';
import { cacheFolder, packageRoot } from '../../../src/stack/locations';
import { explainPrepared } from './explain';
import { connected, LookingRelay, Writers } from './load';
import { quantiles, sample, sizes, vacuum } from './sample';
import { createTable, LATE, LOOKS, parseSnapshot, SETTLES } from './table';
import type { Style } from './table';

const RATE = 2_000;
const WRITERS = 4;
const MANY_OPEN = 100;

async function spike(url: string, openSeconds: number, style: Style, say: (line: string) => void): Promise<void> {
  const client = await connected(url);
  await createTable(client, style);
  const writers = new Writers();
  const relays = [new LookingRelay(1, SETTLES[style]), new LookingRelay(2, SETTLES[style])] as const;
  const [relay] = relays;
  relay.onSlow = say;
  const load = [writers.run(url, WRITERS, RATE), ...relays.map((one) => one.run(url))];
  // What ends it is told by what it stopped; unhandled it would hide that.
  Promise.all(load).catch(() => undefined);
  await delay(15_000);
  relay.take();
  await delay(5_000);
  await sample(client, relay, `20 s of load, nothing open: ${writers.inserted} inserted`, say);
  await vacuum(client, say);

  const long = await connected(url);
  await long.query('begin');
  const { rows } = await long.query<{ event_id: string }>(
    `insert into spike.events (tenant_id, dedupe_key) values ($1, 'late') returning event_id`,
    [LATE],
  );
  const lateId = rows[0]?.event_id;
  const began = performance.now();
  relay.take();
  for (const fraction of [0.1, 0.5, 1]) {
    await delay(Math.max(0, openSeconds * 1_000 * fraction - 6_000 - (performance.now() - began)));
    relay.take();
    await delay(5_000);
    const open = Math.round((performance.now() - began) / 1_000);
    await sample(
      client,
      relay,
      `open for ${open} s: ${writers.inserted} inserted, ${relay.settled + relays[1].settled} settled`,
      say,
    );
  }
  await vacuum(client, say);
  const found = new Promise<number>((resolve) => {
    relay.onFound = (tenant, id) => {
      if (tenant === LATE && id === lateId) resolve(performance.now());
    };
  });
  await long.query('commit');
  const committed = performance.now();
  say(
    `--- committed; the look found its event of ${openSeconds} s ago ${((await found) - committed).toFixed(1)} ms later`,
  );
  await long.end();
  relay.take();
  await delay(3_000);
  await sample(client, relay, '3 s after its commit, before any vacuum', say);
  await vacuum(client, say);
  await sample(client, relay, 'after a vacuum', say);
  await manyOpen(url, say);
  writers.stopped = true;
  await delay(200);
  relays.forEach((one) => (one.stopped = true));
  await Promise.all(load);
  say(`${writers.inserted} inserted, ${relay.settled + relays[1].settled} settled; ${await sizes(client)}`);
  await client.end();
}

/** A look whose snapshot names a hundred open transactions. */
async function manyOpen(url: string, say: (line: string) => void): Promise<void> {
  const clients = await Promise.all(Array.from({ length: MANY_OPEN }, () => connected(url)));
  for (const client of clients) await client.query('begin; select pg_current_xact_id()');
  const client = await connected(url);
  const { rows } = await client.query<{ s: string }>('select pg_current_snapshot()::text s');
  let horizon = parseSnapshot(rows[0]?.s ?? '');
  const listed = horizon.inProgress.length;
  const took: number[] = [];
  for (let time = 0; time < 300; time += 1) {
    const began = performance.now();
    const answer = await client.query<{ snapshot: string }>({
      name: 'look',
      text: LOOKS['attached by a join'],
      values: [horizon.xmax, horizon.inProgress, 1],
    });
    took.push(performance.now() - began);
    horizon = parseSnapshot(answer.rows[0]?.snapshot ?? '');
    await delay(3);
  }
  const plan = await explainPrepared(client, 'look', [horizon.xmax, horizon.inProgress, 1]);
  say(`--- ${listed} transactions in progress: look ${quantiles(took)}, ${plan}`);
  await Promise.all([client, ...clients].map((one) => one.end()));
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'outbox-spike-'));
  chmodSync(dataDir, 0o755);
  const { PATH, HOME } = process.env;
  const cache = cacheFolder(join(packageRoot(), '.data'), process.env);
  const stack = await startStack({ dataDir, only: ['postgres'], env: { PATH, HOME, OUTBOX_CACHE_DIR: cache } });
  const began = performance.now();
  try {
    await spike(
      stack.databaseUrl,
      Number(process.argv[2] ?? 180),
      process.argv[3] === 'guarded' ? 'guarded' : 'plain',
      (line) => console.log(`[${((performance.now() - began) / 1000).toFixed(0).padStart(4)}] ${line}`),
    );
  } finally {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
