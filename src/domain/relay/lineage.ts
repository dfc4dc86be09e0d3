import type { Barrier, Origin, Settled } from './types';

/**
 * mine    a server that this database has lived on
 * older   one that this database replaces: of an older generation, or of an older timeline of the same cluster
 * lost    this database forgot it: it is an older copy of it, or was promoted without its last commits and those raised the generation
 * newer   it replaces this database, or which of the two is newer can't be told
 */
export type Place = 'mine' | 'older' | 'lost' | 'newer';

/**
 * Where the writer of a barrier stands to this database. Two that both write must never both go on: of any two that do not know each other
 * at most one answers anything but `newer`, and restarts of either change nothing.
 *
 * L1  The generation decides first: who replaces another database raises it above all that it has seen, for good.
 * L2  Then the timeline, of the same cluster only: Postgres raises it where a standby is promoted or a backup is recovered to a point.
 * L3  On the same timeline a copy that was put back has no number of its own. It shows by its log, which was shorter than the other one's when
 *     each began, while the other took over from where this one's L is or from later. It has to raise the generation before it goes on.
 */
export function placeOf(
  barrier: Barrier,
  own: Origin,
  known: ReadonlySet<string>,
  remembered: Pick<Settled, 'offset'>,
): Place {
  if (known.has(barrier.server)) return barrier.generation > own.generation ? 'lost' : 'mine';
  if (barrier.generation !== own.generation) return barrier.generation < own.generation ? 'older' : 'newer';
  if (barrier.system !== own.system) return 'newer';
  if (barrier.timeline !== own.timeline) return barrier.timeline < own.timeline ? 'older' : 'newer';
  return barrier.wal > own.wal && barrier.from >= remembered.offset ? 'lost' : 'newer';
}

/** As an operator compares two. */
export function shownOrigin({ server, system, timeline, generation }: Origin): string {
  return `server ${server} (cluster ${system}, timeline ${timeline}, generation ${generation})`;
}
