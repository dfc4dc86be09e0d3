import { KAFKA_DESTINATION } from '../../domain/publisher';
import type { Inserted, NewEvent } from '../ports';
import type { IngestDeps } from './deps';

/** Counts what a commit stored and wakes its publishers, once each. Never throws: the events are stored, whatever happens here. */
export function announce(
  deps: Pick<IngestDeps, 'wake' | 'metrics' | 'logger'>,
  events: readonly NewEvent[],
  inserted: readonly Inserted[],
): void {
  const tenants = new Set<string>();
  let stored = 0;
  inserted.forEach((result, index) => {
    const event = events[index];
    if (event === undefined || result.duplicate || result.conflict || result.refused !== null) return;
    stored += 1;
    tenants.add(event.tenant);
  });
  if (stored === 0) return;
  deps.metrics.accepted.inc({ source: 'http' }, stored);
  try {
    deps.wake([...tenants].map((tenant) => ({ tenant, destination: KAFKA_DESTINATION, shard: 0 })));
  } catch (error) {
    deps.logger.error({ error }, 'publishers could not be woken; the sweep will find the events');
  }
}
