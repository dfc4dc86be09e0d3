import type { PlainKey } from '../../domain/plain-key';
import type { PublisherRef } from '../../domain/publisher';
import type { BlockedCodes } from '../../postgres/blocked';
import type { LedgerEntry, SinkSession } from '../../sinks/sink';

/** One running drain: a publisher, its session and what the protocol knows for sure. */
export interface Hold {
  readonly ref: PublisherRef;
  /** Of the drain that holds it now: an idle session may have waited while the setting changed. Absent = none. */
  readonly plainKey?: PlainKey;
  session: SinkSession;
  /** Known to be true of row and ledger; null after any doubt. */
  clean: CleanState | null;
  /** What the ledger said at the take-over, until a publish has found it so; absent = it was. */
  believed?: LedgerEntry | null;
  /** What the row says of blocked topics, as read under the fence or written since; absent before that. */
  blocked?: BlockedCodes;
}

export interface CleanState {
  /** As D0 returned it: number and server. */
  readonly fence: string;
  readonly recorded: number;
  readonly settled: number;
}
