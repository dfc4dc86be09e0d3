import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/** Where the harness proves that its faults fired, in the same NDJSON form as failpoints: the audit reads both. */
export class FaultLog {
  readonly #counts = new Map<string, number>();

  constructor(readonly path: string) {}

  /** Appends one synced proof line. */
  fired(name: string, action: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    const file = openSync(this.path, 'a');
    try {
      writeSync(file, `${JSON.stringify({ name, action, pid: process.pid, at: new Date().toISOString() })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** How often a fault fired so far. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}
