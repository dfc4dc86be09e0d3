import { PROBE_EVENTS } from '../src/domain/breaker';
import { isStopped } from './postgres';
import type { World } from './world';

/** What no step may do: compared are the states before and after it. Answers what is broken, or null. */
export function misstep(before: World, after: World): string | null {
  if (before.control === null || after.control === null) return null;
  return busyWhileStopped(before, after) ?? sentWhileOpen(before, after) ?? breakerMoves(before, after);
}

/** The promises of quotas, which are the sums of a state. */
export function overspent({ control, pg }: World): string | null {
  if (control === null) return null;
  for (const [index, events] of control.granted.entries()) {
    const recorded = pg.grants[index]?.events ?? 0;
    if (recorded > events) return `grant ${index + 1} of ${events} recorded ${recorded}`;
  }
  const recorded = pg.grants.reduce((sum, { events }) => sum + events, 0);
  if (control.running === null && control.paid < recorded) return `${recorded} recorded, ${control.paid} paid`;
  return null;
}

const opens = (before: World, after: World): boolean =>
  after.kafka.open !== null && after.kafka.open !== before.kafka.open;

/** A pause is complete once the row says it and no batch is in doubt. */
function busyWhileStopped(before: World, after: World): string | null {
  const { recorded, settled, orders } = before.pg;
  if (recorded !== settled || !isStopped(orders)) return null;
  if (after.pg.recorded > recorded) return 'a batch is recorded although the pause was complete';
  if (opens(before, after)) return 'a batch is sent although the pause was complete';
  if (after.kafka.log.length > before.kafka.log.length) return 'a batch is committed although the pause was complete';
  return null;
}

/**
 * An operator's opening counts as a pause: from the row on, after the batch in flight. One batch in flight may also be that of a drain
 * that was given up and lives, where Postgres has fenced it and Kafka could not: it records no other.
 */
function sentWhileOpen(before: World, after: World): string | null {
  const breaker = before.control?.state.breaker;
  if (breaker === undefined || breaker.manual || !opens(before, after)) return null;
  const sender = before.drains.find(({ step, batch }) => step === 'send' && batch === after.kafka.open);
  if (sender?.call?.givenUp === true && sender.fence < before.pg.fence) return null;
  if (breaker.state === 'open') return 'a batch is sent while the breaker is open';
  const sent = after.kafka.open?.items.length ?? 0;
  if (breaker.state === 'half-open' && sent > PROBE_EVENTS) return `a probe sends ${sent} events at once`;
  return null;
}

function breakerMoves(before: World, after: World): string | null {
  const [from, to] = [before, after].map((world) => world.control?.state.breaker);
  if (from === undefined || to === undefined || from.state === to.state) return null;
  const how = `${from.state} → ${to.state}`;
  // Operators may do both at any time.
  if (after.left.orders < before.left.orders) return null;
  if (how === 'half-open → closed' && !hasTried(before)) return 'a probe that tried nothing closes the breaker';
  if (how === 'closed → open' && from.failures + 1 < (before.control?.state.config.breaker.threshold ?? 1)) {
    return 'the breaker opens before its threshold';
  }
  const legal = ['closed → open', 'open → half-open', 'half-open → open', 'half-open → closed'];
  return legal.includes(how) ? null : `the breaker goes ${how}`;
}

/** The drain that reports published something, or found nothing to publish. */
function hasTried(before: World): boolean {
  const { drains, pg } = before;
  return drains.some(({ step, call, end }) => {
    if (step !== 'report' || call === null || call.givenUp) return false;
    return call.published > 0 || (pg.grants[call.grant - 1]?.settled ?? 0) > 0 || end === 'empty';
  });
}
