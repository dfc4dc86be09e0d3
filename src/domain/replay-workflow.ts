import type { ReplayState, ReplayStatus } from './replay';
import { checkByWhy } from './publisher-commands';

/** What a replay workflow knows: plain JSON, returned by the query `state`. Everything that matters is in Postgres. */
export interface ReplayView {
  readonly tenant: string;
  readonly replayId: string;
  /** As of the last visit; null before the first. */
  readonly status: ReplayStatus | null;
  /** What an operator asked for and is not written yet. */
  readonly wanted: ReplayWish | null;
  /** Commands whose arguments made no sense: counted and dropped. */
  readonly refusedCommands: number;
}

export interface ReplayWish {
  readonly state: Exclude<ReplayState, 'done'>;
  readonly by: string;
  readonly why: string;
}

export interface ReplayInput {
  readonly tenant: string;
  readonly replayId: string;
  /** A run continues as new beyond this many history events; absent = when the server suggests it. */
  readonly maxHistoryEvents?: number;
  /** Carried over continue-as-new. */
  readonly view?: ReplayView;
}

/** The activities of a replay workflow, all local and short. */
export interface ReplayActivities {
  /** Feeds the lane, wakes the publisher if it may sleep. `idle`: visits before that moved nothing. */
  visitReplay(ref: { readonly tenant: string; readonly replayId: string }, idle: number): Promise<ReplayVisit>;
  /** Pauses, resumes or cancels; a replay that has ended stays as it is. */
  changeReplay(ref: { readonly tenant: string; readonly replayId: string }, wish: ReplayWish): Promise<void>;
}

export interface ReplayVisit {
  /** null: there is no such replay. */
  readonly replay: ReplayStatus | null;
  /** More can be done at once. */
  readonly more: boolean;
  /** Not before its rate allows it. */
  readonly waitMs: number;
}

export const checkWish = checkByWhy;

/** The last word counts, but nothing undoes a cancel. */
export function wish(view: ReplayView, wanted: ReplayWish): ReplayView {
  return view.wanted?.state === 'cancelled' ? view : { ...view, wanted };
}

/** True if nothing is left to do for the workflow: done, or cancelled with the lane empty. Also if there is no such replay. */
export function hasEnded(status: ReplayStatus | null): boolean {
  return status === null || status.endedAt !== null;
}

/** Copies go through a lane in a fraction of this. */
const SOONEST_MS = 250;
/** A publisher that is paused or open may not move for days. */
const LATEST_MS = 10_000;

/** How long until the next visit, when the last one had `moved` nothing for `idle` visits in a row. */
export function paceMs(idle: number, waitMs: number): number {
  return Math.max(waitMs, Math.min(LATEST_MS, SOONEST_MS * 2 ** Math.min(idle, 10)));
}

/** True if anything has changed since the visit before. */
export function hasMoved(before: ReplayStatus | null, now: ReplayStatus | null): boolean {
  if (before === null || now === null) return true;
  return (
    before.published !== now.published ||
    before.failed !== now.failed ||
    before.cancelled !== now.cancelled ||
    before.retried !== now.retried ||
    before.pending !== now.pending
  );
}
