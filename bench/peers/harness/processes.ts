import { readFileSync } from 'node:fs';
import { now } from '../../harness/clock';

/** Of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Sample {
  readonly at: number;
  readonly seconds: number;
}

/** CPU time (user and system) of processes and all their descendants over time. Linux only, elsewhere always 0. */
export class CpuWatch {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly roots: readonly number[],
    everyMs: number,
  ) {
    this.#timer = setInterval(() => this.#sample(), everyMs);
    this.#sample();
  }

  stop(): void {
    this.#sample();
    clearInterval(this.#timer);
  }

  /** CPU seconds used between two moments of `now()`, interpolated between samples. */
  between(from: number, to: number): number {
    return this.#at(to) - this.#at(from);
  }

  #at(moment: number): number {
    const after = this.#samples.findIndex((sample) => sample.at >= moment);
    const right = this.#samples[after === -1 ? this.#samples.length - 1 : after];
    const left = this.#samples[Math.max(0, (after === -1 ? this.#samples.length : after) - 1)];
    if (left === undefined || right === undefined) return 0;
    const share = right.at === left.at ? 1 : (moment - left.at) / (right.at - left.at);
    return left.seconds + (right.seconds - left.seconds) * Math.min(1, Math.max(0, share));
  }

  #sample(): void {
    const seconds = tree(this.roots).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    this.#samples.push({ at: now(), seconds });
  }
}

/** Largest resident size so far (VmHWM), MiB, summed over processes and descendants; null where /proc does not tell. */
export function peakMemoryMb(roots: readonly number[]): number | null {
  const kb = tree(roots).reduce(
    (sum, pid) => sum + Number(/^VmHWM:\s+(\d+) kB/m.exec(read(pid, 'status'))?.[1] ?? 0),
    0,
  );
  return kb === 0 ? null : kb / 1_024;
}

/** The processes and those that they started. */
function tree(roots: readonly number[]): number[] {
  return roots.flatMap((pid) => {
    const children = read(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
    return [pid, ...tree(children)];
  });
}

/** With the children that have ended and been waited for, so that Postgres' short-lived backends are not lost. */
function cpuSeconds(pid: number): number {
  const stat = read(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime are fields 14 to 17; the slice starts at field 3.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / TICKS_PER_SECOND;
}

/** Empty when the process has ended meanwhile. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
