import { spend } from './budget';
import type { Budget } from './budget';
import type { Rules } from './rules';
import { IDLE } from './scope';
import type { Scope } from './scope';
import type { Holder, Kafka, Next, Server, World } from './world';

/** What a statement did, and what the holder is after its answer. */
export interface Done {
  readonly server: Server;
  readonly then: Partial<Holder>;
}

/** One holder's view of a state: what it is, and how the state goes on. */
export class Turn {
  readonly me: Holder;
  readonly relay: number;
  readonly nexts: Next[] = [];

  constructor(
    readonly scope: Scope,
    readonly world: World,
    readonly who: number,
  ) {
    this.me = world.holders[who] as Holder;
    this.relay = scope.holders[who] as number;
  }

  get rules(): Rules {
    return this.scope.rules;
  }

  get kafka(): Kafka {
    return this.world.kafka;
  }

  can(what: keyof Budget): boolean {
    return this.world.left[what] > 0;
  }

  spent(what: keyof Budget): Pick<World, 'left'> {
    return { left: spend(this.world.left, what) };
  }

  /** Adds a successor in which this holder has changed by `change`, and the rest of the world by `rest`. */
  goto(what: string, change: Partial<Holder>, rest: Partial<World> = {}): void {
    const holders = this.world.holders.map((one, index) => (index === this.who ? { ...one, ...change } : one));
    this.nexts.push({ label: `${nameOf(this)} ${what}`, world: { ...this.world, ...rest, holders } });
  }

  /** Gives f up: memory is emptied. */
  givesUp(what: string, rest: Partial<World> = {}): void {
    const { spentEpochs } = this.world;
    const hangs = this.scope.budget.hangs > 0 && this.me.epoch > 0;
    const spent = spentEpochs.map((epoch, relay) => (relay === this.relay ? this.me.epoch : epoch));
    this.goto(what, IDLE, { spentEpochs: hangs ? spent : spentEpochs, ...rest });
  }

  /**
   * One statement under f. It reaches the server that gave f, or, after a fail-over, the new one; null = refused, which
   * gives f up.
   */
  ask(what: string, statement: (server: Server) => Done | null): void {
    for (const where of this.reached()) {
      const server = this.world[where] as Server;
      const on = server.id === this.me.server ? '' : ` on S${server.id}`;
      const done = statement(server);
      if (done === null) this.givesUp(`${what}${on}: refused`);
      else this.goto(`${what}${on}`, done.then, { [where]: done.server });
    }
  }

  /** The answer of this statement is lost, and the holder goes on as if it had failed, or as if it had not. */
  loses(what: string, statement: (server: Server) => Done | null, assumed: Partial<Holder>): void {
    const home = this.reached()[0];
    if (!this.can('faults') || home === undefined) return;
    const done = statement(this.world[home] as Server);
    if (done === null) return;
    this.goto(`${what}, answer lost`, {}, { [home]: done.server, ...this.spent('faults') });
    this.goto(`${what}, request lost`, assumed, this.spent('faults'));
  }

  private reached(): readonly ('pg' | 'old')[] {
    const { old } = this.world;
    return old !== null && old.id === this.me.server ? ['old', 'pg'] : ['pg'];
  }
}

function nameOf({ who, relay }: Turn): string {
  return `${String.fromCharCode(65 + who)}(r${relay})`;
}
