import type { PublisherRef } from '../domain/publisher';
import type { ReplayFilter, ReplaySelection } from '../domain/replay';
import { refValues } from './publishers';

/** A selection, pinned: what was published, failed or skipped by `cut`, up to `lastEventId`. */
export interface PinnedSelection {
  readonly ref: PublisherRef;
  readonly selection: ReplaySelection;
  /** The server's own text of the time: a Date has no microseconds, and a settle may be as close as that. */
  readonly cut: string;
  readonly lastEventId: string;
}

export const ISO_TIME = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * The conditions on `outbox.events e` with their values: $1 to $3 name the publisher, $4 is the cut, $5 the last id. `range` is
 * what an index finds, `fits` the rest. Times say what an event was at the cut, for a status that changes later gets a later one
 * (see `planReplay`).
 */
export function selectionSql(pinned: PinnedSelection): { range: string; fits: string; values: unknown[] } {
  const values: unknown[] = [...refValues(pinned.ref), pinned.cut, pinned.lastEventId];
  const value = (given: unknown): string => {
    values.push(given);
    return `$${values.length}`;
  };
  const { selection } = pinned;
  const byIds = 'eventIds' in selection ? ` and e.event_id = any (${value(selection.eventIds)}::bigint[])` : '';
  const byCut = `case e.status when 'published' then e.published_at <= $4::timestamptz
    when 'failed' then e.failed_at <= $4::timestamptz when 'skipped' then e.skipped_at <= $4::timestamptz else false end`;
  return {
    range: `e.tenant_id = $1 and e.destination = $2 and e.shard = $3 and e.event_id <= $5::bigint${byIds}`,
    fits: [byCut, ...('filter' in selection ? filterSql(selection.filter, value) : [])].join(' and '),
    values,
  };
}

function filterSql(filter: ReplayFilter, value: (given: unknown) => string): string[] {
  const { status, topic, type, key, errorCode, after, before } = filter;
  const statuses = status === undefined ? ['published', 'failed'] : [status === 'sent' ? 'published' : status];
  const and = [`e.status = any (${value(statuses)}::text[])`];
  if (topic !== undefined) and.push(`e.topic = ${value(topic)}`);
  if (type !== undefined) and.push(`e.event_type = ${value(type)}`);
  if (key !== undefined) and.push(`e.ordering_key = ${value(key)}`);
  if (errorCode !== undefined) and.push(`e.error_code = ${value(errorCode)}`);
  if (after !== undefined) and.push(`e.created_at >= ${value(moment(after))}::timestamptz`);
  if (before !== undefined) and.push(`e.created_at < ${value(moment(before))}::timestamptz`);
  return and;
}

/** A date is its first moment in UTC, not in whatever zone the session has. */
function moment(text: string): string {
  return new Date(text).toISOString();
}
