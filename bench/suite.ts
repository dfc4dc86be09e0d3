import { measureIngest } from './ingest/measure';
import { ResidentMemory } from './harness/resident';
import type { Closing } from './harness/closing';
import type { BenchServers } from './harness/servers';
import { setUp } from './harness/set-up';
import { tenantNames, untilIdle } from './harness/tenants';
import type { BenchOptions } from './options';
import { LatencyBench } from './latency/measure';
import { measureDrain, warmUp } from './drain/measure';
import type { Measured } from './report/results';
import { measureWake } from './wake/measure';

const DRAIN_TENANTS = 20;
/** Few: with 20 the worker's small batches take the cores that the writers are measured on, and the figures scatter. */
const WAKE_TENANTS = 4;

/** All measurements, one after the other on an otherwise idle machine; what it starts is added to `closing`. */
export async function runSuite(
  options: BenchOptions,
  servers: BenchServers,
  closing: Closing,
  log: (line: string) => void,
): Promise<Measured> {
  const measured: Measured = {};
  const asked = new Set(options.parts);
  const bench = await setUp(options, servers, closing, log);
  const memory = { worker: null as number | null, api: null as number | null };

  if (asked.has('drain') || asked.has('latency') || asked.has('wake')) {
    const many = tenantNames(servers, 'drain', DRAIN_TENANTS);
    const one = many.slice(0, 1);
    const sleepers = tenantNames(servers, 'sleeper', options.sizes.sleepers);
    await servers.installation.addTenants([...many, ...sleepers]);
    const worker = await bench.product.worker();
    closing.add('worker', () => worker.stop());
    const watch = new ResidentMemory(worker.pid);
    closing.add('memory', () => void watch.stop());
    const latency = new LatencyBench(bench);
    closing.add('latency', () => latency.close());

    log('warming up');
    if (asked.has('latency')) await latency.prime(sleepers);
    await warmUp(bench, many);
    if (asked.has('drain')) {
      measured.drain = { tenants1: await measureDrain(bench, one), tenants20: await measureDrain(bench, many) };
    }
    memory.worker = watch.stop();
    if (asked.has('latency')) {
      log('latency');
      measured.latencyMs = {
        asleep: await latency.asleep(sleepers),
        lingering: await latency.lingering(one),
        steady200: await latency.steady(one),
      };
    }
    if (asked.has('wake')) measured.wake = await measureWake(bench, many.slice(0, WAKE_TENANTS));
    await untilIdle(servers, many);
    await worker.stop();
  }
  if (asked.has('ingest')) {
    const api = await bench.product.api();
    closing.add('api', () => api.child.stop());
    const watch = new ResidentMemory(api.child.pid);
    closing.add('memory', () => void watch.stop());
    measured.ingest = await measureIngest(bench, api);
    memory.api = watch.stop();
  }
  return { ...measured, memoryMb: memory };
}
