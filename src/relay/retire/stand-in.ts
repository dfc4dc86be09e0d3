import type { RelayObserver } from '../deps';
import type { Relay } from '../relay';
import type { Parting, Received } from './receive';

/** Spares that are taken over, one after the other, until one is within its time, ms. */
const SPARES_TRIED = 3;
const SPARE_MS = 1_500;

/** The relays of a worker. */
export interface Held {
  readonly relays: ReadonlyMap<number, Relay>;
  /** Numbers of those that nobody has. */
  readonly free: () => Promise<readonly number[]>;
  /** Null = somebody of this worker has it by now, or the worker stops. */
  readonly take: (relay: number) => Relay | null;
}

/** A relay's publishers go on with another one that runs, a spare if there is one, which is no spare then. Null = none could take them. */
export async function part(
  held: Held,
  observer: RelayObserver,
  relay: number,
  from: Parting,
): Promise<Received | null> {
  const began = performance.now();
  const found = await standIn(held, relay);
  const received = (await found?.receive(from)) ?? null;
  if (found === null || received === null) return null;
  const parted = held.relays.get(relay);
  if (received.publishers === 0) return received;
  if (found.isSpare && parted !== undefined) {
    found.isSpare = false;
    parted.isSpare = true;
  }
  observer.retired(relay, found.relay, received.publishers, performance.now() - began);
  return received;
}

async function standIn({ relays, free, take }: Held, relay: number): Promise<Relay | null> {
  const running = (): Relay[] => [...relays.values()].filter((one) => one.relay !== relay && one.state === 'running');
  const found = fewest(running().filter(({ isSpare }) => isSpare)) ?? fewest(running());
  if (found !== null) return found;
  // The ledger of one of them may be where Kafka is sick, too.
  for (const one of (await free()).slice(0, SPARES_TRIED)) {
    const spare = take(one);
    if (spare !== null && (await spare.runs(SPARE_MS))) return spare;
  }
  return fewest(running());
}

/** One is kept for the next time that it is needed. One that is being taken over may still have publishers in its rows. */
export function spareSpares(relays: Iterable<Relay>): Relay[] {
  const idle = [...relays].filter(
    ({ isSpare, state, publishers }) => isSpare && state === 'running' && publishers === 0,
  );
  return idle.slice(1);
}

/** The one with the fewest publishers. */
export function fewest(relays: readonly Relay[]): Relay | null {
  return relays.reduce<Relay | null>(
    (best, one) => (best === null || one.publishers < best.publishers ? one : best),
    null,
  );
}
