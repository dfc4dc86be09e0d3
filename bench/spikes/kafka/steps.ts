import { setTimeout as delay } from 'node:timers/promises';
import { errorCodes } from 'kafkajs/src/protocol/error';
import { readBatches } from './batches';
import type { Epoch, SeenBatch } from './batches';
import type { SpikeCluster } from './cluster';
import {
  addPartitions,
  describeTransaction,
  endOffset,
  endTransaction,
  fetchCommitted,
  initProducerId,
} from './requests';
import type { Place } from './requests';
import type { Link } from './wire';

export const TRANSACTION_TIMEOUT_MS = 15_000;
const NEWER: Readonly<Record<number, string>> = { 90: 'PRODUCER_FENCED', 120: 'TRANSACTION_ABORTABLE' };

export function nameOf(code: number): string {
  if (code === 0) return 'NONE';
  return `${errorCodes.find((one) => one.code === code)?.type ?? NEWER[code] ?? '?'}(${code})`;
}

/** What came of one request: the name of its code, `closed`, or `no answer`. */
export interface Outcome<T> {
  readonly answer: string;
  readonly ms: number;
  readonly value?: T;
}

/** Waits at most `patienceMs` for an answer; the request itself goes on. */
export async function timed<T extends { readonly code: number } | number>(
  work: Promise<T>,
  patienceMs = 2_500,
): Promise<Outcome<T>> {
  const began = performance.now();
  const ms = (): number => Math.round((performance.now() - began) * 10) / 10;
  const late = delay(patienceMs, 'late' as const, { ref: false });
  try {
    const value = await Promise.race([work, late]);
    if (value === 'late') {
      work.catch(() => undefined);
      return { answer: 'no answer', ms: ms() };
    }
    return { answer: nameOf(typeof value === 'number' ? value : value.code), ms: ms(), value };
  } catch (error) {
    return { answer: error instanceof Error ? (error.message.split(' 127')[0] ?? '') : String(error), ms: ms() };
  }
}

/** One transactional id with a connection of its own to its coordinator. */
export class Producer {
  epoch: Epoch = { producerId: -1, producerEpoch: -1 };

  constructor(
    readonly id: string,
    readonly coordinator: Link,
    readonly timeoutMs = TRANSACTION_TIMEOUT_MS,
  ) {}

  static async open(cluster: SpikeCluster, id: string, broker: number, timeoutMs?: number): Promise<Producer> {
    return new Producer(id, await cluster.open(broker), timeoutMs);
  }

  /** One InitProducerId. */
  async init(): Promise<Outcome<Epoch & { code: number }>> {
    const outcome = await timed(initProducerId(this.coordinator, this.id, this.timeoutMs));
    if (outcome.answer === 'NONE' && outcome.value !== undefined) this.epoch = outcome.value;
    return outcome;
  }

  /** InitProducerId until it is answered with NONE, every `everyMs`. @returns the answers in a row, with counts. */
  async initUntilDone(limitMs: number, everyMs = 20): Promise<Outcome<never>> {
    const began = performance.now();
    const seen: string[] = [];
    for (;;) {
      const { answer } = await this.init();
      if (seen.at(-1) !== answer) seen.push(answer);
      const ms = Math.round(performance.now() - began);
      if (answer === 'NONE' || ms > limitMs) return { answer: seen.join(' → '), ms };
      await delay(everyMs);
    }
  }

  async add(...places: readonly Place[]): Promise<Outcome<number>> {
    return timed(
      addPartitions(this.coordinator, this.id, this.epoch, places).then(
        (answers) => answers.find(({ code }) => code !== 0 && code !== 55)?.code ?? 0,
      ),
    );
  }

  end(commit: boolean): Promise<Outcome<number>> {
    return timed(endTransaction(this.coordinator, this.id, this.epoch, commit));
  }

  async state(link: Link = this.coordinator): Promise<string> {
    const { code, state, epoch, partitions } = await describeTransaction(link, this.id);
    return code === 0 ? `${state} epoch ${epoch} [${partitions.join(' ')}]` : nameOf(code);
  }
}

/** LSO and high watermark of a partition, as its leader tells them. */
export async function offsets(link: Link, place: Place): Promise<string> {
  const [stable, high] = await Promise.all([
    endOffset(link, place, 'committed'),
    endOffset(link, place, 'uncommitted'),
  ]);
  if (stable.code !== 0 || high.code !== 0) return `${nameOf(stable.code)} ${nameOf(high.code)}`;
  return `LSO ${stable.offset} HW ${high.offset}`;
}

/** The committed records that a reader gets now, and all batches of the log up to the LSO. */
export async function readCommitted(
  link: Link,
  place: Place,
): Promise<{ values: string[]; log: string; batches: SeenBatch[] }> {
  const { code, aborted, raw, stable, high } = await fetchCommitted(link, place);
  const batches = readBatches(raw);
  const values: string[] = [];
  for (const batch of batches) {
    if (batch.kind !== 'data') continue;
    const marker = batches.find(
      (one) => one.offset > batch.offset && one.kind !== 'data' && one.producerId === batch.producerId,
    );
    const isAborted =
      aborted.some(({ producerId, first }) => producerId === batch.producerId && first <= batch.offset) &&
      marker?.kind !== 'commit';
    if (!isAborted) values.push(batch.value);
  }
  const shown = batches.map((one) => `${one.offset}:${one.kind}${one.value && `(${one.value})`}@e${one.producerEpoch}`);
  return { values, batches, log: `${nameOf(code)} LSO ${stable} HW ${high}: ${shown.join(' ')}` };
}

/** Asks every `everyMs` until `done`, and answers how long that took; null when it was not within the limit. */
export async function until(done: () => Promise<boolean>, limitMs: number, everyMs = 20): Promise<number | null> {
  const began = performance.now();
  for (;;) {
    if (await done().catch(() => false)) return Math.round(performance.now() - began);
    if (performance.now() - began > limitMs) return null;
    await delay(everyMs);
  }
}

/** p50, p99 and most of some times, in ms. */
export function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} (n=${sorted.length})`;
}
