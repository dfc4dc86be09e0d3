import type { Scope } from '../../../model/relay/scope';
import { publisherOf } from '../../../model/relay/scope';
import type { World } from '../../../model/relay/world';
import { retryEvents, skipEvents } from '../../../src/postgres/operator-actions';
import type { OperatorResult } from '../../../src/postgres/operator-actions';
import { askBack } from '../../../src/postgres/relay/give-back';
import { retryUnsettled } from '../../../src/postgres/relay/unsettled';
import { Holder } from './holder';
import type { Observer } from './observer';
import { Deviation, same } from './report';
import type { ConformanceRig } from './rig';

/** A step of the model, and the states around it. */
export interface Step {
  readonly label: string;
  readonly before: World;
  readonly after: World;
}

/** The real processes, and everything that happens without a relay. */
export class Stage {
  readonly holders: Holder[];
  /** Holders that were given up, or died: they may still try to go on. */
  readonly ghosts: Holder[] = [];
  /** Relays whose L a take-over has moved further than the model yet, and how far: it settles all batches and its barrier at once. */
  readonly ahead = new Map<number, number>();
  /** What these holders send is refused. */
  readonly doomed = new Set<number>();

  constructor(
    readonly scope: Scope,
    readonly rig: ConformanceRig,
    readonly observer: Observer,
  ) {
    this.holders = scope.holders.map((relay) => new Holder(rig, relay));
  }

  /** The process is gone; what it left behind stays. */
  kill(who: number): void {
    const holder = this.holders[who] as Holder;
    holder.die();
    if (holder.held !== null) this.ghosts.push(holder);
    this.holders[who] = new Holder(this.rig, holder.relay);
    this.doomed.delete(who);
  }

  async environment({ label, before }: Step): Promise<void> {
    const { rig, scope } = this;
    const id = Number(/\be(\d+)/.exec(label)?.[1] ?? 0);
    const publisher = id > 0 ? publisherOf(scope, id) : Number(/\bP(\d+)/.exec(label)?.[1] ?? 0);
    const tenant = rig.refs[publisher]?.tenant ?? '';
    const event = rig.ids[id - 1] ?? '';
    const { pool } = rig.db;
    const is = (what: string): boolean => label.endsWith(what);
    if (is(' is killed')) this.kill(label.charCodeAt(0) - 65);
    else if (is(' is stored')) await rig.store(id);
    else if (is(' is locked')) await rig.lock(id);
    else if (is(' is unlocked')) await rig.unlock(id);
    else if (is(' is settled alone')) await this.#settleAlone(before);
    else if (is(' is paused')) await this.#stop(tenant, { by: 'walk', why: 'The walk says so.' });
    else if (is(' is resumed')) await this.#stop(tenant, null);
    else if (label === 'Postgres is restarted') await this.#restart();
    else if (label.startsWith('an operator sees')) same('what is not back', await askBack(pool, tenant), 0);
    else if (label.startsWith('an operator retries')) changed(await retryEvents(pool, tenant, [event]));
    else if (label.startsWith('an operator skips')) changed(await skipEvents(pool, tenant, [event], 'walk'));
    else throw new Error(`"${label}" has no counterpart`);
  }

  async #restart(): Promise<void> {
    await this.rig.restart();
    await this.observer.meetServer();
  }

  /** As its workflow writes it. */
  async #stop(tenant: string, paused: Readonly<Record<string, string>> | null): Promise<void> {
    const { pool } = this.rig.db;
    await pool.query('update outbox.publishers set paused = $2 where tenant_id = $1', [tenant, paused]);
  }

  /** By whoever holds the relays. */
  async #settleAlone(world: World): Promise<void> {
    for (const [who, holder] of this.holders.entries()) {
      if (mayGoOn(world, who, holder.relay)) await retryUnsettled(this.rig.db.pool, holder.mine);
    }
  }
}

/** It holds its relay, under a fence and on a server that are still good. */
export function mayGoOn({ holders, pg }: World, who: number, relay: number): boolean {
  const me = holders[who];
  return me?.step === 'open' && me.server === pg.id && pg.relays[relay]?.fence === me.fence;
}

function changed({ changed: ids, refused }: OperatorResult): void {
  if (ids.length !== 1) throw new Deviation(`the order was refused: ${JSON.stringify(refused)}`);
}
