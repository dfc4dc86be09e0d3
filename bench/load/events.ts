import { Random } from '../../faults/traffic/random';

export const PAYLOAD_BYTES = 300;
/** Ordering keys per tenant. */
const KEYS = 1_000;
const FILLER = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** An event as the library takes it, with everything set that the benchmarks use. */
export interface BenchEvent {
  readonly tenant: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string;
  readonly dedupeKey: string;
  readonly payload: Buffer;
  readonly contentType: string;
}

/**
 * `count` events of 300-byte JSON payloads, taking turns among the tenants. The same seed makes the same events, so that
 * ours and raw kafkajs send the same messages.
 */
export function makeEvents(options: {
  readonly seed: number;
  readonly count: number;
  readonly tenants: readonly string[];
  readonly topic: string;
  /** Makes dedupe keys unique to a round. */
  readonly round: string;
  /** Bytes of each payload; 300 unless given. */
  readonly payloadBytes?: number;
}): BenchEvent[] {
  const random = new Random(options.seed);
  const bytes = options.payloadBytes ?? PAYLOAD_BYTES;
  const filler = Array.from({ length: 2 * bytes }, () => random.pick([...FILLER])).join('');
  return Array.from({ length: options.count }, (_, index) => ({
    tenant: options.tenants[index % options.tenants.length] as string,
    topic: options.topic,
    type: 'order.created',
    key: `order-${random.int(1, KEYS)}`,
    dedupeKey: `${options.round}-${index}`,
    payload: payloadOf(index, filler, { from: random.int(0, bytes), bytes }),
    contentType: 'application/json',
  }));
}

function payloadOf(index: number, filler: string, { from, bytes }: { from: number; bytes: number }): Buffer {
  const start = `{"order":${index},"text":"`;
  return Buffer.from(`${start}${filler.slice(from, from + bytes - start.length - 2)}"}`);
}
