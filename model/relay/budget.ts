/** How often each kind of thing may still happen: what bounds the exploration. */
export const NOTHING = {
  /** Take-overs begun. */
  runs: 0,
  /** Holders that lose their memory. */
  kills: 0,
  /** Unknown answers of Postgres, transactions that the coordinator times out. */
  faults: 0,
  /** Produce requests without an answer. */
  lateProduces: 0,
  /** EndTxn requests without an answer that are repeated. */
  repeats: 0,
  /** Batches refused with an answer. */
  refusals: 0,
  /** Publishers that leave a relay without need. */
  moves: 0,
  failovers: 0,
  restarts: 0,
  /** Older copies that are put back without a promotion. */
  copies: 0,
  /** Times that other writers make the server's log longer. */
  fills: 0,
  /** Fail-overs whose old server stays writable. */
  olds: 0,
  /** Markers that cannot be written. */
  hangs: 0,
  locks: 0,
  /** Pauses and their ends. */
  orders: 0,
  grants: 0,
  /** Retries and skips. */
  operators: 0,
  replays: 0,
  deletes: 0,
  raises: 0,
  /** Ledgers cut by retention, made anew, or read from a broker that has less. */
  trims: 0,
  recreations: 0,
  vanishes: 0,
  staleReads: 0,
};
export type Budget = Readonly<typeof NOTHING>;

export function spend(left: Budget, what: keyof Budget): Budget {
  return { ...left, [what]: left[what] - 1 };
}
