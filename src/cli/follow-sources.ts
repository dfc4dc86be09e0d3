import type { AdminClient } from './admin-client';
import type { FollowedEvent } from './follow';
import { listOf } from './output';
import { PAGE, pages } from './pages';
import type { Query } from './pages';

/** Where a tail reads. */
export interface FollowSource {
  /** Called before the start time is fixed; what is there now is not new. */
  prepare(): Promise<void>;
  /** All events that reached the status at `floor` (ms) or later, and perhaps older ones. */
  read(floor: number): Promise<readonly FollowedEvent[]>;
}

/** When an event reached the status. No time of skipping is kept, and accepting is reaching `pending`. */
export function timeOf(status: string): (event: FollowedEvent) => number {
  const field = { published: 'published_at', sent: 'published_at', failed: 'failed_at' }[status] ?? 'created_at';
  return (event) => Date.parse(String(event[field] ?? event['created_at']));
}

/** Waiting, parked and skipped events have indexes of their own: the list itself is read. */
export function listSource(client: AdminClient, query: Query): FollowSource {
  return {
    prepare: () => Promise.resolve(),
    async read(floor) {
      const events: FollowedEvent[] = [];
      const parameters = { ...query, after_timestamp: new Date(floor).toISOString(), limit: PAGE };
      for await (const page of pages(client, '/admin/outbox', parameters)) events.push(...listOf(page, 'events'));
      return events;
    },
  };
}

/**
 * Published events are nearly the whole table, and its list runs from the newest of a tenant backwards. So the publishers are asked
 * first: only where more is `published` than before is there anything new, and it is read from the newest back to the floor. An idle
 * tenant costs nothing.
 */
export function publishedSource(client: AdminClient, query: Query, reachBack: boolean): FollowSource {
  const time = timeOf('published');
  const known = new Map<string, unknown>();

  const published = async (): Promise<Map<string, { readonly tenant: string; readonly published: unknown }>> => {
    const publishers = new Map<string, { tenant: string; published: unknown }>();
    for await (const page of pages(client, '/admin/publishers', { tenant: query['tenant'], limit: PAGE })) {
      for (const row of listOf(page, 'publishers')) {
        const key = [row['tenant_id'], row['destination'], row['shard']].join('\n');
        publishers.set(key, { tenant: String(row['tenant_id']), published: row['published'] });
      }
    }
    return publishers;
  };

  const ofTenant = async (tenant: string, floor: number): Promise<FollowedEvent[]> => {
    const found: FollowedEvent[] = [];
    for await (const page of pages(client, '/admin/outbox', { ...query, tenant, limit: PAGE })) {
      const events = listOf(page, 'events');
      found.push(...events);
      // Newest by id, not by time: a whole page must be old, for the event of a long transaction has an older id.
      if (events.length > 0 && events.every((event) => time(event) < floor)) break;
    }
    return found.filter((event) => time(event) >= floor);
  };

  return {
    async prepare() {
      // With nothing known, every tenant is read once.
      if (reachBack) return;
      for (const [key, publisher] of await published()) known.set(key, publisher.published);
    },
    async read(floor) {
      const publishers = await published();
      const changed = [...publishers].filter(([key, publisher]) => known.get(key) !== publisher.published);
      const events: FollowedEvent[] = [];
      for (const tenant of new Set(changed.map(([, publisher]) => publisher.tenant))) {
        events.push(...(await ofTenant(tenant, floor)));
      }
      // Only now: a look that failed half-way is repeated as a whole.
      for (const [key, publisher] of changed) known.set(key, publisher.published);
      return events;
    },
  };
}
