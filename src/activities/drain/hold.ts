import type { PublisherRef } from '../../domain/publisher';
import type { SinkSession } from '../../sinks/sink';

/** One running drain: a publisher, its session and what the protocol knows for sure. */
export interface Hold {
  readonly ref: PublisherRef;
  session: SinkSession;
  /** Known to be true of row and ledger; null after any doubt. */
  clean: CleanState | null;
}

export interface CleanState {
  /** As D0 returned it: number and server. */
  readonly fence: string;
  readonly recorded: number;
  readonly settled: number;
}
