import { ourRound } from '../drain/measure';
import type { DrainBench } from '../drain/measure';
import type { Closing } from '../harness/closing';
import type { Product } from '../harness/product';
import { ResidentMemory } from '../harness/resident';
import { median } from '../harness/statistics';
import { tenantNames } from '../harness/tenants';
import { fillHistory } from './history';
import type { CurveName, GrowthOptions } from './options';

/** One point of a curve. */
export interface Point {
  /** Tenants, stored events, payload bytes or workers. */
  readonly at: number;
  /** Events per second at the consumer; median of the rounds. */
  readonly rate: number;
  /** Payload MiB per second. */
  readonly mib: number;
  readonly rounds: readonly number[];
  /** Largest resident size of the first worker so far, MiB. */
  readonly workerMb: number | null;
}

export type Curves = { readonly [name in CurveName]?: readonly Point[] };

export interface GrowthBench extends DrainBench {
  readonly options: GrowthOptions;
  readonly product: Product;
  readonly closing: Closing;
  readonly log: (line: string) => void;
  /** Every round stores under a name of its own. */
  readonly nextRound: () => string;
}

const DEFAULT_BYTES = 300;
const SHARED_TENANTS = 20;
/** All curves that were asked for. `stored` is the last but one, for it leaves a large table; workers are added at the end. */
export async function measureCurves(bench: GrowthBench): Promise<Curves> {
  const { options, servers } = bench;
  const { sizes } = options;
  const most = Math.max(...sizes.tenants, SHARED_TENANTS);
  const tenants = tenantNames(servers, 'grow', most);
  const [history = ''] = tenantNames(servers, 'history', 1);
  await servers.installation.addTenants([...tenants, history]);
  const worker = await bench.product.worker();
  bench.closing.add('worker', () => worker.stop());
  const memory = new ResidentMemory(worker.pid);
  bench.closing.add('memory', () => void memory.stop());
  const measure = (at: number, load: Load): Promise<Point> => measurePoint(bench, memory, at, load);

  const curves: { -readonly [name in CurveName]?: Point[] } = {};
  const asked = new Set(options.curves);
  bench.log('warming up');
  await measure(0, { tenants: tenants.slice(0, 1), count: sizes.drainEvents / 5, times: 1 });
  if (asked.has('tenants')) {
    curves.tenants = [];
    for (const count of sizes.tenants) {
      const some = tenants.slice(0, count);
      // Publishers that have run before: making a workflow is paid once in a tenant's life.
      await measure(0, { tenants: some, count, times: 1 });
      curves.tenants.push(await measure(count, { tenants: some, count: sizes.drainEvents }));
    }
  }
  if (asked.has('backlog')) {
    curves.backlog = [];
    for (const count of sizes.backlogTenants) {
      curves.backlog.push(await measure(count, { tenants: tenants.slice(0, count), count: sizes.backlogEvents }));
    }
  }
  if (asked.has('payload')) {
    curves.payload = [];
    for (const payloadBytes of sizes.payloadBytes) {
      const count = Math.min(sizes.drainEvents, Math.floor(sizes.payloadTotal / payloadBytes));
      curves.payload.push(await measure(payloadBytes, { tenants: tenants.slice(0, 1), count, payloadBytes }));
    }
  }
  if (asked.has('stored')) {
    curves.stored = [];
    for (const stored of sizes.stored) {
      bench.log(`filling up to ${stored} stored events`);
      await fillHistory(servers, history, stored);
      curves.stored.push(await measure(stored, { tenants: tenants.slice(0, 1), count: sizes.drainEvents }));
    }
  }
  if (asked.has('workers')) {
    curves.workers = [];
    for (const count of sizes.workers) {
      for (let running = 1 + addedWorkers(curves.workers); running < count; running += 1) {
        const another = await bench.product.worker(`worker-${running + 1}`);
        bench.closing.add(`worker ${running + 1}`, () => another.stop());
      }
      curves.workers.push(
        await measure(count, { tenants: tenants.slice(0, SHARED_TENANTS), count: sizes.drainEvents }),
      );
    }
  }
  return curves;
}

interface Load {
  readonly tenants: readonly string[];
  readonly count: number;
  readonly payloadBytes?: number;
  readonly times?: number;
}

async function measurePoint(bench: GrowthBench, memory: ResidentMemory, at: number, load: Load): Promise<Point> {
  const { times, ...round } = load;
  const rates: number[] = [];
  for (let index = 0; index < (times ?? bench.options.sizes.rounds); index += 1) {
    rates.push(await ourRound(bench, { ...round, name: bench.nextRound() }));
  }
  const rate = median(rates);
  const bytes = load.payloadBytes ?? DEFAULT_BYTES;
  if (at > 0) bench.log(`at ${at}: ${rates.map((one) => one.toFixed(0)).join(', ')} events/s of ${bytes} bytes`);
  return { at, rate, mib: (rate * bytes) / 2 ** 20, rounds: rates, workerMb: memory.peak };
}

/** Workers beyond the first that earlier points of the curve have started. */
function addedWorkers(points: readonly Point[]): number {
  return Math.max(0, ...points.map((point) => point.at - 1));
}
