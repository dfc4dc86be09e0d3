import { setTimeout as delay } from 'node:timers/promises';
import { isOutboxError } from '../domain/errors';
import type { OutboxError } from '../domain/errors';
import { publisherId } from '../domain/publisher';
import type { Settled } from '../domain/relay/types';
import { failpoint } from '../failpoints/failpoint';
import type { Placement } from '../kafka/transaction/types';
import { settleBatch } from '../postgres/relay/settle';
import type { PlacedMember, SettleResult } from '../postgres/relay/settle';
import { flightId } from './compose';
import type { Prepared } from './compose';
import type { RunState } from './run-state';

/** A refused statement (a deadlock, a cancelled query) has changed nothing: it is tried again so often. */
const TRIES = 5;

/** What Kafka has committed and Postgres does not say yet. */
export interface Committed {
  readonly prepared: Prepared;
  readonly seq: number;
  readonly ledgerOffset: number;
  readonly places: readonly (readonly Placement[])[];
}

/**
 * P3: settles batches one after the other, beside the claim and the transaction of the next. One may be under way while the next batch is
 * sent; it is over before the one after that is sent.
 */
export class Settling {
  #running: Promise<void> | null = null;
  #failure: unknown = null;
  /** L. */
  #settled: Settled;
  /** ms that the last settle took. */
  lastMs = 0;

  constructor(private readonly state: RunState) {
    this.#settled = state.held.settled;
  }

  /** Resolves when nothing is being settled; rejects with the doubt that a settle ended in. */
  async idle(): Promise<void> {
    await this.#running;
    if (this.#failure !== null) throw this.#failure;
  }

  /** Call only when idle. */
  add(batch: Committed): void {
    this.#running = this.#settle(batch).then(
      () => {
        this.#running = null;
      },
      (error: unknown) => {
        this.#running = null;
        this.#failure = error;
        this.state.end();
      },
    );
  }

  async #settle(batch: Committed): Promise<void> {
    const began = performance.now();
    const { held } = this.state;
    const next: Settled = { offset: batch.ledgerOffset, kind: 'batch', seq: batch.seq, fence: held.fence };
    await failpoint('relay_before_settle');
    const result = await this.#written(batch, next);
    await failpoint('relay_after_settle');
    this.#settled = next;
    this.lastMs = performance.now() - began;
    this.state.deps.observer.took('settle', this.lastMs);
    this.#account(batch.prepared, result);
  }

  /** Any unknown answer gives the fence up: the rejection is the run's end. */
  async #written(batch: Committed, next: Settled): Promise<SettleResult> {
    const { deps, held } = this.state;
    const members = membersOf(batch);
    for (let tries = 1; ; tries += 1) {
      try {
        return await settleBatch(deps.db, held, { before: this.#settled.offset, next, members });
      } catch (error) {
        if (tries >= TRIES || !isRefused(error)) throw error;
        await delay(20 * tries);
      }
    }
  }

  #account({ groups }: Prepared, { counts, unsettled }: SettleResult): void {
    const { state } = this;
    state.unsettled += unsettled;
    const changed = new Map(counts.map((count) => [publisherId(count), count]));
    const now = Date.now();
    for (const { attachment, lane, events, bytes } of groups) {
      const count = changed.get(attachment.id);
      attachment.tokens.gaveBack(events.length, bytes);
      // All of it: what could not be marked, because it was locked, was sent as well.
      attachment.tokens.paid(events.length, bytes);
      attachment.succeeded();
      if (state.deps.quarantine.succeeded(attachment.id, now))
        state.deps.observer.quarantine(attachment.ref, 'ends', '', '');
      if (count !== undefined) {
        const settled = lane === 'live' ? count.events : count.copies;
        attachment.published += settled;
        attachment.publishedAt = now;
        if (lane === 'replay') state.deps.observer.replayed(attachment.ref, settled);
        else state.deps.observer.published(attachment.ref, settled, events[0]?.event.createdAt ?? '');
      }
      attachment.batches += 1;
      attachment.onTheWay -= 1;
      state.inFlight.settled(events.map(({ event }) => flightId(event)));
      if (attachment.ending !== null) state.leaving.set();
      state.set.judge(attachment, now);
    }
    if (state.set.anyReady) state.work.set();
  }
}

function membersOf({ prepared, places }: Committed): PlacedMember[] {
  return prepared.groups.flatMap(({ events }, g) =>
    events.map(({ event, fingerprint }, i) => ({
      tenant: event.tenant,
      eventId: event.id,
      replayId: event.replay?.replayId ?? null,
      fingerprint,
      partition: places[g]?.[i]?.partition ?? null,
      offset: places[g]?.[i]?.offset ?? null,
    })),
  );
}

/** The server answered that it has not done it. No answer, and FENCED, are no such answer. */
export function isRefused(error: unknown): error is OutboxError {
  return (
    isOutboxError(error) && error.code !== 'FENCED' && /^(40|55|57014)/.test(String(error.details['sqlstate'] ?? ''))
  );
}
