import { API_KEYS, readEndTxn, requestHead } from './kafka-frames';
import type { ApiName } from './kafka-frames';
import type { FaultLog } from './fault-log';

/**
 * drop-request   the broker never gets it; the client waits for an answer in vain
 * drop-answer    the broker does it; the client waits in vain
 * close-request  the broker never gets it; the client's connection is closed at once
 * close-answer   the broker does it; the client's connection is closed in place of the answer
 * cut-request    half the request, then both connections are closed
 * cut-answer     the broker does it; half the answer, then both connections are closed
 * delay          request and answer each wait `ms`, and what follows on the connection behind them
 * hold           the request waits until `release()`; it reaches the broker even if the client is long gone
 */
export type KafkaFault =
  | {
      readonly kind:
        'drop-request' | 'drop-answer' | 'close-request' | 'close-answer' | 'cut-request' | 'cut-answer' | 'hold';
    }
  | { readonly kind: 'delay'; readonly ms: number };

export interface KafkaRule {
  /** Names the fault in the proof log. */
  readonly name: string;
  readonly api: ApiName;
  readonly fault: KafkaFault;
  /** Acts first on the nth matching request after the rule was added, from 1. Default 1. */
  readonly nth?: number;
  /** On how many matching requests from then on. Default 1; Infinity = until removed. */
  readonly times?: number;
  /** Only requests for which this holds, for example EndTxn requests that commit. */
  readonly matches?: (frame: Buffer) => boolean;
}

/** True for EndTxn requests that commit (of one transactional id, or of any). */
export function endTxnCommits(transactionalId?: string): (frame: Buffer) => boolean {
  return (frame) => {
    const end = readEndTxn(frame);
    return end !== null && end.commit && (transactionalId === undefined || end.transactionalId === transactionalId);
  };
}

/** An active rule of one proxy. */
export class ArmedRule {
  #seen = 0;
  #fired = 0;
  #release: (() => void) | null = null;
  readonly #released: Promise<void>;
  #onFired: (() => void) | null = null;
  readonly #firstFiring: Promise<void>;

  constructor(
    readonly rule: KafkaRule,
    private readonly log: FaultLog,
  ) {
    this.#released = new Promise((resolve) => (this.#release = resolve));
    this.#firstFiring = new Promise((resolve) => (this.#onFired = resolve));
  }

  get fired(): number {
    return this.#fired;
  }

  /** Resolves when it has fired once. */
  firedOnce(): Promise<void> {
    return this.#firstFiring;
  }

  /** Lets held requests go on to the broker. */
  release(): void {
    this.#release?.();
  }

  released(): Promise<void> {
    return this.#released;
  }

  /** Counts a request; true if the fault acts on it. */
  takes(frame: Buffer): boolean {
    if (requestHead(frame).apiKey !== API_KEYS[this.rule.api] || this.rule.matches?.(frame) === false) return false;
    this.#seen += 1;
    const { nth = 1, times = 1 } = this.rule;
    if (this.#seen < nth || this.#seen >= nth + times) return false;
    this.#fired += 1;
    this.log.fired(this.rule.name, `${this.rule.api}:${this.rule.fault.kind}`);
    this.#onFired?.();
    return true;
  }
}
