import { readFileSync } from 'node:fs';

const SAMPLE_MS = 200;

/** Watches how much memory of a process is resident. Linux only, elsewhere the peak is null. */
export class ResidentMemory {
  #peakKb = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#sample();
  }

  /** The largest sample so far in MiB. */
  get peak(): number | null {
    return this.#peakKb === 0 ? null : this.#peakKb / 1_024;
  }

  /** Ends the watch; the largest sample in MiB. */
  stop(): number | null {
    this.#sample();
    clearInterval(this.#timer);
    return this.peak;
  }

  #sample(): void {
    this.#peakKb = Math.max(this.#peakKb, residentKb(this.pid));
  }
}

function residentKb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
