/** The pause of everything. Times are ms since epoch by the database's clock. */
export interface GlobalPause {
  readonly by: string;
  readonly why: string;
  readonly since: number;
  /** null = until somebody resumes. */
  readonly until: number | null;
}

/** Whether everything is paused, as Postgres has it. */
export interface GlobalPauseNow {
  readonly paused: GlobalPause | null;
  /** Publishers that are attached, and relays that are not taken over on this server: a pause is complete at 0. */
  readonly running: number;
}

export type GlobalPauseOrder =
  | { readonly name: 'pause'; readonly by: string; readonly why: string; readonly until: number | null }
  | { readonly name: 'resume'; readonly by: string; readonly why: string };
