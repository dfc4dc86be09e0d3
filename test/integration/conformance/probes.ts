import { publisherOf } from '../../../model/relay/scope';
import { isOwned } from '../../../model/relay/server';
import type { World } from '../../../model/relay/world';
import type { PublisherRef } from '../../../src/domain/publisher';
import { skipEvents } from '../../../src/postgres/operator-actions';
import { detachPublishers } from '../../../src/postgres/relay/detach';
import { markRecovered } from '../../../src/postgres/relay/relays';
import type { Holder } from './holder';
import { Deviation, expectRefused, reportOf, same } from './report';
import { mayGoOn } from './stage';
import type { Stage } from './stage';
import type { Random } from './ways';

/** Most steps are followed by none. */
const OFTEN = 0.4;

type Try = readonly [what: string, run: () => Promise<void>];

/**
 * What the model refuses, tried all the same: it must be refused and change nothing, which the comparison after it shows. Answers what was
 * tried, null = nothing.
 */
export async function probe(stage: Stage, world: World, random: Random): Promise<string | null> {
  if (random() > OFTEN) return null;
  const kinds = [outdated, strangers, early, orders]
    .map((kind) => kind(stage, world))
    .filter(({ length }) => length > 0);
  const tries = kinds[Math.floor(random() * kinds.length)] ?? [];
  const chosen = tries[Math.floor(random() * tries.length)];
  if (chosen === undefined) return null;
  await chosen[1]().catch((error: unknown) => {
    throw error instanceof Deviation ? new Deviation(`${chosen[0]}: ${error.message}`) : error;
  });
  return chosen[0];
}

/** Every statement under a fence, or on a server, that is no more. */
function outdated({ holders, ghosts, rig, observer }: Stage, { pg }: World): Try[] {
  const isOutdated = ({ held, relay }: Holder): boolean =>
    held !== null && (pg.relays[relay]?.fence !== held.fence || held.server !== observer.server);
  const tries: Try[] = [];
  for (const holder of [...ghosts, ...holders].filter(isOutdated)) {
    const name = `relay ${holder.relay} under fence ${holder.held?.fence}`;
    const refused = (what: string, run: () => Promise<unknown>): void => {
      tries.push([`${name} ${what}`, async () => expectRefused(await reportOf(run()))]);
    };
    refused('recovers', () => markRecovered(rig.db.pool, holder.mine));
    refused('adopts', () => holder.adopt());
    refused('attaches P0', () => holder.attach(0));
    refused('detaches P0', () => holder.detach(0));
    refused('claims', async () => {
      const report = await holder.twin().beginClaim([0, 1], 2, false).next();
      if (report.kind === 'failed') throw report.error;
    });
    if (holder.settling.length > 0) refused('settles', () => holder.settle(0));
    if (holder.culprit !== null) refused('parks', () => holder.park());
  }
  return tries;
}

/** What a holder may not do to a publisher that it does not have. */
function strangers({ holders, rig }: Stage, world: World): Try[] {
  const tries: Try[] = [];
  const { pg } = world;
  for (const [who, holder] of holders.entries()) {
    if (!mayGoOn(world, who, holder.relay)) continue;
    for (const publisher of rig.refs.keys()) {
      if (holder.set.includes(publisher)) continue;
      const name = `relay ${holder.relay} without P${publisher}`;
      const ref = rig.refs[publisher] as PublisherRef;
      tries.push([
        `${name} claims`,
        async () => {
          const report = await holder.twin().beginClaim([publisher], 2, false).end();
          same('what it claims', report.kind === 'done' ? report.result.length : report.kind, 0);
        },
      ]);
      tries.push([
        `${name} detaches`,
        async () => {
          const gone = await detachPublishers(rig.db.pool, holder.mine, [{ ref, ended: {} }]);
          same('what it detaches', gone.length, 0);
        },
      ]);
      if (isOwned(pg, publisher)) {
        const answer = pg.publishers[publisher]?.stopped === true ? 'stopped' : 'owned';
        tries.push([`${name} attaches`, async () => same('the answer', await holder.attach(publisher), answer)]);
      }
    }
  }
  return tries;
}

/** The second batch before the first, and an adoption before all relays are recovered. */
function early({ holders }: Stage, world: World): Try[] {
  const tries: Try[] = [];
  const { pg } = world;
  const isRecovered = pg.relays.every(({ recoveredOn }) => recoveredOn === pg.id);
  for (const [who, holder] of holders.entries()) {
    const twin = holder.twin();
    const me = world.holders[who];
    if (me?.step === 'adopt' && !isRecovered && me.server === pg.id && pg.relays[holder.relay]?.fence === me.fence) {
      const run = async (): Promise<void> => same('what it adopts', (await twin.adopt(), twin.set), []);
      tries.push([`relay ${holder.relay} adopts before all are recovered`, run]);
    }
    if (mayGoOn(world, who, holder.relay) && holder.settling.length > 1) {
      tries.push([
        `relay ${holder.relay} settles ${holder.settling[1]?.seq} first`,
        async () => expectRefused(await reportOf(holder.settle(1))),
      ]);
    }
  }
  return tries;
}

/** An operator may not skip what may be on its way. */
function orders({ rig, scope }: Stage, { pg }: World): Try[] {
  const isRecovered = pg.relays.every(({ recoveredOn }) => recoveredOn === pg.id);
  return pg.events.flatMap(({ status }, index): Try[] => {
    const publisher = publisherOf(scope, index + 1);
    const mayBeSent = isOwned(pg, publisher) || (!isRecovered && pg.relays.some(({ fence }) => fence > 0));
    if (status !== 'pending' || !mayBeSent || pg.locked.includes(index + 1)) return [];
    const run = async (): Promise<void> => {
      const tenant = rig.refs[publisher]?.tenant ?? '';
      const { changed } = await skipEvents(rig.db.pool, tenant, [rig.ids[index] ?? ''], 'walk');
      same('what was skipped', changed.length, 0);
    };
    return [[`an operator skips e${index + 1}`, run]];
  });
}
