import { publisherOf } from './scope';
import type { Scope } from './scope';
import { has, publisherRow, sameItem, statusOf } from './server';
import type { Item, Server, World } from './world';

/** The promises, checked in every reachable state. Answers what is broken, or null. */
export function violation(scope: Scope, world: World): string | null {
  return (
    duplicate(world) ??
    falselyPublished(world) ??
    passedBy(scope, world) ??
    miscounted(scope, world.pg) ??
    overspent(scope, world) ??
    orderBreak(scope, world) ??
    orphan(scope, world) ??
    needlessHalt(scope, world)
  );
}

/** What is wrong with a step: nothing is sent once a pause is complete, or the tenant gone. */
export function misstep(scope: Scope, before: World, after: World): string | null {
  for (const item of after.kafka.log.slice(before.kafka.log.length)) {
    const publisher = publisherOf(scope, item.id);
    if (publisherRow(before.pg, publisher).gone) return `${nameOf(item)} is sent although its tenant is deleted`;
    if (before.told.includes(publisher)) return `${nameOf(item)} is sent although the pause is complete`;
    const isSkipped = !before.forgot && statusOf(before.pg, item) === 'skipped';
    if (isSkipped) return `${nameOf(item)} is sent although an operator skipped it`;
  }
  return null;
}

function duplicate({ kafka }: World): string | null {
  const twice = kafka.log.find((item, index) => kafka.log.findIndex((other) => sameItem(item, other)) < index);
  return twice === undefined ? null : `${nameOf(twice)} is in the log twice`;
}

/** Nothing is marked published that is not in the log: it would never be sent. */
function falselyPublished({ pg, kafka }: World): string | null {
  const item = rowsOf(pg).find((one) => statusOf(pg, one) === 'published' && !has(kafka.log, one));
  return item === undefined ? null : `${nameOf(item)} is published, but not in the log: lost`;
}

/** L never passes a member that is neither published nor in `unsettled`. */
function passedBy({ rules }: Scope, { pg, old, kafka }: World): string | null {
  for (const server of old === null ? [pg] : [pg, old]) {
    for (const [relay, { settledTo }] of server.relays.entries()) {
      const { records, made } = kafka.ledgers[relay] ?? { records: [], made: 1 };
      for (const record of made > 1 ? [] : records.slice(0, settledTo)) {
        const left = record.kind === 'batch' ? record.members : [];
        const missing = left.find((item) => {
          const status = statusOf(server, item);
          return status !== 'published' && status !== 'absent' && !has(server.unsettled, item);
        });
        if (missing !== undefined) return `L of r${relay} has passed ${nameOf(missing)}, which is not settled`;
      }
    }
  }
  void rules;
  return null;
}

/** Conservation: what the counters say is what the rows say. */
function miscounted(scope: Scope, server: Server): string | null {
  for (const [publisher, { used, gone }] of server.publishers.entries()) {
    if (gone) continue;
    const mine = ({ id }: Item): boolean => publisherOf(scope, id) === publisher;
    const published = rowsOf(server).filter((item) => mine(item) && statusOf(server, item) === 'published').length;
    const aside = scope.rules.unsettledCounts ? server.unsettled.filter(mine).length : 0;
    if (used !== published + aside)
      return `P${publisher} counts ${used}, and has ${published} published, ${aside} unsettled`;
  }
  return null;
}

function overspent(scope: Scope, { pg, kafka }: World): string | null {
  if (scope.granted === null) return null;
  for (const [publisher, { granted }] of pg.publishers.entries()) {
    const sent = kafka.log.filter(({ id }) => publisherOf(scope, id) === publisher).length;
    if (sent > granted) return `P${publisher} was granted ${granted} and has sent ${sent}`;
  }
  return null;
}

/** Events of one key, the first committed before the second began: in this order, unless the first was given up. */
function orderBreak(scope: Scope, { pg, kafka, forgot }: World): string | null {
  if (forgot) return null;
  for (const [index, { key, after }] of scope.events.entries()) {
    if (key === null || after === null) continue;
    const second = kafka.log.findIndex(({ id, copy }) => id === index + 1 && copy === 0);
    if (second < 0) continue;
    const first = kafka.log.findIndex(({ id, copy }) => id === after && copy === 0);
    const status = pg.events[after - 1]?.status;
    if (first > second) return `e${index + 1} is in the log before e${after} of the same key`;
    if (first < 0 && (status === 'pending' || status === 'failed')) {
      return `e${index + 1} is in the log before e${after} of the same key`;
    }
  }
  return null;
}

/** Whom a relay owns, that relay knows: nobody else would send its events. */
function orphan(scope: Scope, { pg, holders }: World): string | null {
  for (const [publisher, { owner }] of pg.publishers.entries()) {
    if (owner === null) continue;
    const lost = holders.some(
      ({ step, server, fence, set }, who) =>
        scope.holders[who] === owner.relay &&
        step === 'open' &&
        server === pg.id &&
        fence === owner.fence &&
        pg.relays[owner.relay]?.fence === fence &&
        !set.includes(publisher),
    );
    if (lost) return `P${publisher} is owned by r${owner.relay}, which does not know it`;
  }
  return null;
}

/** A halt needs a reason: a newer database, or a ledger that lost something. */
function needlessHalt(scope: Scope, { halted, holders, pg, left }: World): string | null {
  if (halted === null) return null;
  const { trims, recreations, vanishes } = scope.budget;
  const touched = trims + recreations + vanishes > left.trims + left.recreations + left.vanishes;
  if (halted !== 'newer database') return touched ? null : `halted (${halted}) although nothing was lost`;
  // Promoted servers are told apart; two on one timeline not always.
  const isNewest = scope.budget.copies === 0;
  const needless = isNewest && holders.some(({ step, server }) => step === 'halted' && server === pg.id);
  return needless && !touched ? `halted (${halted}) although there is none` : null;
}

/** Each event and each replay that Postgres can have. */
export function rowsOf(server: Server): Item[] {
  return server.events.flatMap(({ version }, index) => {
    const id = index + 1;
    return [
      { id, version, copy: 0 as const },
      { id, version, copy: 1 as const },
    ];
  });
}

export function nameOf({ id, version, copy }: Item): string {
  return `e${id}${version > 1 ? `v${version}` : ''}${copy === 1 ? ' (replay)' : ''}`;
}
