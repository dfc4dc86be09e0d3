import { initProducer } from './kafka';
import type { EventRow, World } from './world';
import type { Rules } from './rules';

/**
 * An operator ends a halt: Kafka is right. One step, although the product needs several: they stand under a fence and an epoch of
 * their own, and until the last of them both sides contradict each other. Null where it is refused.
 */
export function adopt(world: World, rules: Rules): Partial<World> | null {
  const { pg, kafka } = world;
  const { ledger } = kafka;
  if (world.halted === null || ledger === null || ledger.seq < pg.settled) return null;
  const inLog = (id: number, { version, copy }: EventRow): boolean =>
    rules.adoptReadsMessages &&
    kafka.log.some((item) => {
      return item.id === id && (!rules.adoptComparesKeys || (item.version === version && item.copy === copy));
    });
  const events = pg.events.map((row, index): EventRow => {
    return row.status !== 'absent' && inLog(index + 1, row) ? { ...row, status: 'published' } : row;
  });
  const { seq, batchId } = ledger;
  return {
    pg: {
      ...pg,
      events,
      fence: pg.fence + 1,
      recorded: seq,
      settled: seq,
      settledAt: world.now,
      revision: pg.revision + 1,
      batches: [{ seq, batchId, members: [], recordedAt: world.now, grant: 0 }],
    },
    kafka: initProducer(kafka),
    halted: null,
    // From here on both sides agree again: every promise holds as if nothing had been lost, and a halt needs a new reason.
    lost: { ...world.lost, drains: false },
  };
}
