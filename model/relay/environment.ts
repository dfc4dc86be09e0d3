import { spend } from './budget';
import type { Budget } from './budget';
import { deliver, initProducer, ledgerOf, withLedger, writeMarkers } from './kafka';
import { retryUnsettled } from './publish';
import { IDLE, publisherOf } from './scope';
import type { Scope } from './scope';
import { isPauseComplete, publisherRow, withEvent, withPublisher } from './server';
import type { Barrier, EventRow, Next, Server, World } from './world';

type Add = (label: string, change: Partial<World>, cost?: keyof Budget) => void;

/** Everything that happens without a relay: writers, locks, orders, operators, brokers, fail-over. */
export function environmentSteps(scope: Scope, world: World): Next[] {
  const nexts: Next[] = [];
  const add: Add = (label, change, cost) => {
    if (cost !== undefined && world.left[cost] <= 0) return;
    const left = cost === undefined ? world.left : spend(world.left, cost);
    nexts.push({ label, world: { ...world, left, ...change } });
  };
  writers(scope, world, add);
  locks(scope, world, add);
  orders(scope, world, add);
  operators(scope, world, add);
  brokers(world, add);
  failOvers(world, add);
  if (world.left.kills > 0) {
    for (const [who, { step }] of world.holders.entries()) {
      if (step === 'idle') continue;
      const holders = world.holders.map((one, index) => (index === who ? IDLE : one));
      add(`${String.fromCharCode(65 + who)} is killed`, { holders }, 'kills');
    }
  }
  return nexts;
}

/** A transaction of an application commits an event; its id may be lower than those already published. */
function writers(scope: Scope, world: World, add: Add): void {
  const { pg } = world;
  for (const [index, { after, publisher }] of scope.events.entries()) {
    if (pg.events[index]?.status !== 'absent' || publisherRow(pg, publisher).gone) continue;
    if (after !== null && pg.events[after - 1]?.status === 'absent') continue;
    const version = (world.versions[index] ?? 0) + 1;
    const versions = world.versions.map((old, other) => (other === index ? version : old));
    const row: EventRow = { status: 'pending', version, copy: 'absent' };
    add(`e${index + 1}${version > 1 ? `v${version}` : ''} is stored`, { pg: withEvent(pg, index + 1, row), versions });
  }
}

/** Other transactions lock rows of events; what waits in `unsettled` is tried again alone. */
function locks(scope: Scope, world: World, add: Add): void {
  const { pg } = world;
  for (const [index, { status }] of pg.events.entries()) {
    const id = index + 1;
    const isLocked = pg.locked.includes(id);
    if (isLocked) add(`e${id} is unlocked`, { pg: { ...pg, locked: pg.locked.filter((other) => other !== id) } });
    else if (status !== 'absent')
      add(`e${id} is locked`, { pg: { ...pg, locked: [...pg.locked, id].sort() } }, 'locks');
  }
  for (const item of pg.unsettled) {
    const after = retryUnsettled(scope, pg, item);
    if (after !== pg) add(`e${item.id} is settled alone`, { pg: after });
  }
}

function orders({ rules }: Scope, world: World, add: Add): void {
  const { pg } = world;
  for (const [publisher, { stopped, gone, granted }] of pg.publishers.entries()) {
    if (gone) continue;
    const told = world.told.filter((other) => other !== publisher);
    if (stopped)
      add(`P${publisher} is resumed`, { told, pg: withPublisher(pg, publisher, { stopped: false }) }, 'orders');
    else add(`P${publisher} is paused`, { pg: withPublisher(pg, publisher, { stopped: true }) }, 'orders');
    add(`P${publisher} is granted 1 more`, { pg: withPublisher(pg, publisher, { granted: granted + 1 }) }, 'grants');
    if (told.length === world.told.length && isPauseComplete(pg, publisher, rules)) {
      add(`an operator sees P${publisher} paused`, { told: [...told, publisher].sort() });
    }
  }
}

/** One transaction each. An event that is locked is locked for them too. */
function operators(scope: Scope, world: World, add: Add): void {
  const { pg } = world;
  const change = (label: string, cost: keyof Budget, id: number, row: Partial<EventRow>): void =>
    add(label, { pg: withEvent(pg, id, row) }, cost);
  for (const [index, { status, copy }] of pg.events.entries()) {
    const id = index + 1;
    if (status === 'failed') {
      change(`an operator retries e${id}`, 'operators', id, { status: 'pending' });
      change(`an operator skips e${id}`, 'operators', id, { status: 'skipped' });
    }
    const isQuiet = isPauseComplete(pg, publisherOf(scope, id), scope.rules);
    const isUnsettled = pg.unsettled.some((item) => item.id === id);
    if (status === 'pending' && (isQuiet || !scope.rules.skipsAwaitPause) && !isUnsettled) {
      change(`an operator skips e${id}`, 'operators', id, { status: 'skipped' });
    }
    if (status === 'published' && copy === 'absent') change(`e${id} is replayed`, 'replays', id, { copy: 'pending' });
  }
  for (const [publisher, { gone }] of pg.publishers.entries()) {
    if (gone || (scope.rules.deleteAwaitsPause && !isPauseComplete(pg, publisher, scope.rules))) continue;
    add(`P${publisher} is deleted`, { pg: deleted(scope, pg, publisher) }, 'deletes');
  }
}

function deleted(scope: Scope, server: Server, publisher: number): Server {
  const mine = (id: number): boolean => publisherOf(scope, id) === publisher;
  const events = server.events.map((row, index): EventRow => {
    return mine(index + 1) ? { ...row, status: 'absent', copy: 'absent' } : row;
  });
  const unsettled = server.unsettled.filter(({ id }) => !mine(id));
  return withPublisher({ ...server, events, unsettled }, publisher, { gone: true, owner: null, used: 0 });
}

function brokers(world: World, add: Add): void {
  const { kafka } = world;
  for (const [index, late] of kafka.late.entries()) {
    add(`the late ${late.kind} of epoch ${late.epoch} arrives`, { kafka: deliver(kafka, index) });
  }
  for (const [relay, { open }] of kafka.producers.entries()) {
    if (open === null) continue;
    if (open.end !== null) add(`the markers of r${relay} are written`, { kafka: writeMarkers(kafka, relay) });
    else add(`the transaction of r${relay} times out`, { kafka: initProducer(kafka, relay) }, 'faults');
  }
  for (const relay of kafka.ledgers.keys()) {
    const { records, start, made } = ledgerOf(kafka, relay);
    if (records.length === 0) continue;
    if (start < records.length) {
      add(`retention empties ledger ${relay}`, { kafka: withLedger(kafka, relay, { start: records.length }) }, 'trims');
    }
    const anew = withLedger(kafka, relay, { records: [], start: 0, made: made + 1 });
    if (world.holders.some(({ step }) => step === 'apply')) continue;
    add(`ledger ${relay} is made anew`, { kafka: anew }, 'recreations');
    for (const [at, record] of records.entries()) {
      const later = records.slice(at + 1).some(({ kind }) => kind === 'batch');
      if (record.kind !== 'batch' || !later) continue;
      const rest = records.map((one, index) => (index === at ? GONE : one));
      add(
        `record ${at} of ledger ${relay} vanishes`,
        { kafka: withLedger(kafka, relay, { records: rest }) },
        'vanishes',
      );
    }
  }
}

/** Stands where a record was, so that offsets stay. */
const GONE: Barrier = {
  kind: 'barrier',
  fence: 0,
  server: 1,
  origin: { timeline: 0, generation: 0, wal: 0 },
  from: 0,
  n: 0,
};

/** Replication stalls at some moment; a fail-over some time later loses all commits since. A restart loses none. */
function failOvers(world: World, add: Add): void {
  const { pg, standby, old } = world;
  // Never one that another server had, also where that one is gone.
  const written = world.kafka.ledgers.flatMap(({ records }) =>
    records.map((one) => (one.kind === 'barrier' ? one.server : 0)),
  );
  const id = Math.max(pg.id, old?.id ?? 0, ...written, ...world.holders.map(({ server }) => server)) + 1;
  const started = (from: Server): Server => ({
    ...from,
    id,
    ancestors: [...from.ancestors, from.id],
    wal: 0,
    locked: [],
  });
  const promoted = (from: Server): Server => ({ ...started(from), timeline: from.timeline + 1 });
  const told = world.told.filter((publisher) => standby?.publishers[publisher]?.stopped === true);
  add('Postgres is restarted', { pg: started(pg), old: null }, 'restarts');
  if (old !== null) {
    add('the old server is gone', { old: null });
    add('the old server is restarted', { old: started(old) }, 'restarts');
  }
  add('others fill the log', { pg: { ...pg, log: pg.log + 10 } }, 'fills');
  if (world.left.failovers + world.left.copies <= 0) return;
  if (standby === null) {
    add('replication stalls', { standby: pg });
    return;
  }
  const forgot = world.forgot || rowsOf(pg) !== rowsOf(standby);
  const after = { pg: promoted(standby), standby: null, forgot, told };
  add('fail-over: the commits since then are lost', { ...after, old: null }, 'failovers');
  if (world.left.failovers > 0 && world.left.olds > 0) {
    const left = spend(spend(world.left, 'failovers'), 'olds');
    add('fail-over, and the old server is still writable', { ...after, old: pg, left });
  }
  // No promotion: nothing but its shorter log tells the copy from the server that it is a copy of.
  const back = { ...after, pg: started(standby) };
  add('an older copy is put back', { ...back, old: null }, 'copies');
  if (world.left.copies > 0 && world.left.olds > 0) {
    const left = spend(spend(world.left, 'copies'), 'olds');
    add('an older copy is put back, and the old server is still writable', { ...back, old: pg, left });
  }
}

/** Events and what operators did with them, not what relays did. */
function rowsOf({ events }: Server): string {
  return JSON.stringify(events.map(({ status, version }) => [version, status === 'skipped' || status === 'failed']));
}
