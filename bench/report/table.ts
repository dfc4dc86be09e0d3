import Table from 'cli-table3';
import type { DrainResult } from '../drain/measure';
import type { Latency } from '../latency/measure';
import type { Circumstances, Measured } from './results';

/** The figures for people. */
export function table(results: Measured, { machine, run, seed, date }: Circumstances): string {
  const { drain, latencyMs, ingest, wake, memoryMb } = results;
  const rows = new Table({ head: ['measured', 'ours', 'beside', 'ratio'], style: { head: [], border: [] } });
  const drained = (what: string, { rate, raw, ratio }: DrainResult): void => {
    rows.push([`drain, ${what}`, `${whole(rate)} events/s`, `raw kafkajs ${whole(raw)}`, ratio.toFixed(2)]);
  };
  const latency = (what: string, { p50, p95, p99 }: Latency): void => {
    rows.push([`commit → consumer, ${what}`, `p50 ${ms(p50)}  p95 ${ms(p95)}  p99 ${ms(p99)} ms`, '', '']);
  };
  if (drain !== undefined) {
    drained('1 tenant', drain.tenants1);
    drained('20 tenants', drain.tenants20);
  }
  if (latencyMs !== undefined) {
    latency('asleep', latencyMs.asleep);
    latency('lingering', latencyMs.lingering);
    latency('steady 200/s', latencyMs.steady200);
  }
  if (ingest !== undefined) {
    const single = [`${whole(ingest.rate)} requests/s`, `empty route ${whole(ingest.empty)}`, ingest.ratio.toFixed(2)];
    rows.push(['ingest, single posts', ...single]);
    rows.push(['ingest, batches of 1,000', `${whole(ingest.batchRows)} events/s`, '', '']);
  }
  if (wake !== undefined) {
    const both = [`${whole(wake.with)} events/s`, `without ${whole(wake.without)}`, wake.ratio.toFixed(2)];
    rows.push(['enqueue with wakes, 16 writers', ...both]);
  }
  if (memoryMb !== undefined) {
    rows.push(['resident memory', `worker ${megabytes(memoryMb.worker)}, api ${megabytes(memoryMb.api)}`, '', '']);
  }
  const where = `${machine.cpus} × ${machine.model}, ${machine.memoryGb} GiB, ${machine.system}, Node ${machine.node}`;
  const what = `${run.quick ? 'quick' : 'full'} run, seed ${seed}, ${run.tookSeconds} s, ${date}`;
  const shared = machine.embedded.length > 0 ? `; ${machine.embedded.join(', ')} on the same machine` : '';
  return `${rows.toString()}\n${where}${shared}\n${what}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function ms(value: number): string {
  return value.toFixed(1);
}

function megabytes(value: number | null): string {
  return value === null ? 'not known here' : `${whole(value)} MiB`;
}
