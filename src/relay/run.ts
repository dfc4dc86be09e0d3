import type { PublisherRef } from '../domain/publisher';
import { failpoint } from '../failpoints/failpoint';
import { attachPublisher } from '../postgres/relay/attach';
import type { AttachAnswer } from '../postgres/relay/attach';
import { adopt } from './adopt';
import type { RelayDrain } from './attachment';
import type { RelayDeps } from './deps';
import { keepOn } from './keeping';
import { lookOn, lookOnce } from './looking';
import { lookForCopiesOn } from './looking-copies';
import { receive } from './retire/receive';
import type { Parting, Received } from './retire/receive';
import { RunState } from './run-state';
import { sendOn } from './sending';
import type { TakenOver } from './take-over';
import { tendOn } from './tending';

/**
 * The life of a relay under one fence, from its take-over to the first doubt or the worker's end. Everything that is in memory belongs to it
 * and dies with it.
 */
export class RelayRun {
  readonly #state: RunState;

  constructor(deps: RelayDeps, { held, producer }: TakenOver) {
    this.#state = new RunState(deps, held, producer);
  }

  /** How the run left the relay, for its publishers to go on with another one; null = not all of what was sent is decided. */
  get parting(): Parting | null {
    const { isClean, held, set } = this.#state;
    return isClean ? { held, upTo: held.fence, attached: new Map([...set.all()].map((one) => [one.id, one])) } : null;
  }

  /** Topics kept its last transaction from being committed. */
  get isRetired(): boolean {
    return this.#state.isRetired;
  }

  /** Takes the publishers of another relay. Null = this run is over, or the other one is another's by now. */
  async receive(from: Parting): Promise<Received | null> {
    return this.#state.over ? null : receive(this.#state, from);
  }

  get publishers(): number {
    return this.#state.set.size;
  }

  /** Ends after the batch in flight, as when `stop` is aborted. */
  end(): void {
    this.#state.end();
  }

  /**
   * Publishes for the publishers of the set until `stop` is aborted: then it resolves when everything that was sent is settled. Rejects with the
   * doubt that ends this fence; the relay has to be taken over anew.
   */
  async run(stop: AbortSignal): Promise<void> {
    const state = this.#state;
    const end = (): void => state.end();
    stop.addEventListener('abort', end, { once: true });
    state.deps.admission.use(state.held.relay);
    const unlisten = state.deps.admission.listen(() => state.tending.set());
    if (stop.aborted) end();
    try {
      await adopt(state);
      if (state.set.size > 0) await lookOnce(state);
      await firstFailure([lookOn(state), lookForCopiesOn(state), sendOn(state), keepOn(state), tendOn(state)], end);
      if (state.failure !== null) throw state.failure.error;
    } finally {
      end();
      stop.removeEventListener('abort', end);
      unlisten();
      state.producer.destroy();
    }
  }

  /**
   * Attaches a publisher, in its row and then in the set, where it begins with a scan of its backlog. Null = the run is over. Rejects when the
   * relay is lost or the answer is unknown: then the run is over, too.
   */
  async attach(ref: PublisherRef, drain: RelayDrain): Promise<AttachAnswer | null> {
    const state = this.#state;
    if (state.over) return null;
    try {
      await failpoint('relay_before_attach');
      const answer = await attachPublisher(state.deps.db, state.held, ref, { ...drain });
      await failpoint('relay_after_attach');
      if (answer.kind !== 'attached') return answer;
      // From some moment before the scan begins, looks must see what it may miss.
      if (state.horizon === null) await lookOnce(state);
      state.set.add(ref, drain, answer.asks, Date.now());
      state.work.set();
      if (answer.asks) state.tending.set();
      return answer;
    } catch (error) {
      state.fail(error);
      throw error;
    }
  }
}

/** Waits for all; the first rejection tells the others to end, and is the one that counts. */
async function firstFailure(loops: readonly Promise<void>[], end: () => void): Promise<void> {
  let first: { readonly error: unknown } | null = null;
  await Promise.all(
    loops.map((loop) =>
      loop.then(end, (error: unknown) => {
        first ??= { error };
        end();
      }),
    ),
  );
  if (first !== null) throw (first as { readonly error: unknown }).error;
}
