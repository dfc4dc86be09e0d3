import { readFileSync, readdirSync } from 'node:fs';
import type { SoakFigures } from '../report/results';

export interface Sample {
  /** min since the start of the sampling. */
  readonly at: number;
  readonly rssMb: number;
  readonly fds: number;
}

/** Samples memory and file descriptors of one process from /proc. */
export class Sampler {
  readonly #samples: Sample[] = [];
  readonly #started = Date.now();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly pid: number,
    everyMs: number,
  ) {
    this.#timer = setInterval(() => this.#sample(), everyMs);
    this.#timer.unref();
  }

  /** Ends the sampling. */
  finish(): SoakFigures {
    clearInterval(this.#timer);
    this.#sample();
    return figuresOf(this.#samples, (Date.now() - this.#started) / 60_000);
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      const rssKb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
      const fds = readdirSync(`/proc/${this.pid}/fd`).length;
      this.#samples.push({ at: (Date.now() - this.#started) / 60_000, rssMb: rssKb / 1_024, fds });
    } catch {
      // The process has ended; the soak itself fails for that.
    }
  }
}

/** What the samples say. The first tenth, at least a minute, is warm-up: caches fill, code is compiled. */
export function figuresOf(samples: readonly Sample[], minutes: number): SoakFigures {
  const settled = samples.filter(({ at }) => at >= Math.min(Math.max(1, minutes / 10), minutes / 2));
  const tenth = Math.max(3, Math.floor(settled.length / 10));
  const [first, last] = [settled.slice(0, tenth), settled.slice(-tenth)];
  return {
    minutes: tidy(minutes),
    rssSlopeMbPerMinute: tidy(slope(settled)),
    // Sockets come and go with the faults: a median says more than one moment.
    fdsFirst: median(first.map(({ fds }) => fds)),
    fdsLast: median(last.map(({ fds }) => fds)),
    rssFirstMb: Math.round(median(first.map(({ rssMb }) => rssMb))),
    rssLastMb: Math.round(median(last.map(({ rssMb }) => rssMb))),
    samples: settled.length,
  };
}

/** Least squares, MB per minute. */
function slope(samples: readonly Sample[]): number {
  const meanAt = mean(samples.map(({ at }) => at));
  const meanRss = mean(samples.map(({ rssMb }) => rssMb));
  const covariance = samples.reduce((sum, { at, rssMb }) => sum + (at - meanAt) * (rssMb - meanRss), 0);
  const variance = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function tidy(value: number): number {
  return Math.round(value * 100) / 100;
}
