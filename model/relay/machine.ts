import { hash, Parts } from '../fingerprint';
import { heal, toHeal } from './heal';
import { misstep, violation } from './invariants';
import type { Machine } from '../machine';
import { begun } from './prelude';
import type { Scope } from './scope';
import { successors } from './successors';
import type { Holder, Kafka, Server, World } from './world';

/** Relays with all their publishers. */
export function relayMachine(scope: Scope): Machine<World> {
  const prints = new Prints(scope);
  const healed = new Map<number, string | null>();
  return {
    name: scope.name,
    first: begun(scope),
    successors: (world) => successors(scope, world),
    misstep: (before, after) => misstep(scope, before, after),
    violation: (world) => violation(scope, world),
    unhealed: (world) => {
      const start = toHeal(world);
      const print = prints.durable(start);
      let fault = healed.get(print);
      if (fault === undefined) healed.set(print, (fault = heal(scope, start)));
      return fault;
    },
    halted: ({ halted }) => halted,
    print: (world) => prints.of(world),
  };
}

/** Numbers that stand for states. Holders of one relay are alike. */
class Prints {
  private readonly parts = new Parts();
  private readonly wholes = new WeakMap<object, number>();

  constructor(private readonly scope: Scope) {}

  of(world: World): number {
    const holders = world.holders.map((one, who) => `${this.scope.holders[who]}:${this.holder(one)}`).sort();
    const { old, standby } = world;
    const servers = `${old === null ? 0 : this.server(old)} ${standby === null ? 0 : this.server(standby)}`;
    const rest = `${world.spentEpochs.join()} ${world.halted} ${this.parts.of(world.left)}`;
    return hash(`${this.durable(world)} ${holders.join(' ')} ${servers} ${rest}`);
  }

  durable({ pg, kafka, versions, forgot, told }: World): number {
    return hash(`${this.server(pg)} ${this.kafka(kafka)} ${this.parts.of(versions)} ${forgot} ${told.join()}`);
  }

  /** All holders begin as IDLE, so their fields have one order. */
  private holder(holder: Holder): number {
    return this.whole(holder, () => JSON.stringify(Object.values(holder)));
  }

  private server(server: Server): number {
    return this.whole(server, () => {
      const { id, timeline, generation, wal, log, ancestors, n, relays, publishers, events, unsettled, locked } =
        server;
      const parts = [...relays, ...publishers, ...events, unsettled, locked].map((part) => this.parts.of(part));
      return `${id} ${timeline}.${generation}.${wal}.${log} ${ancestors.join()} ${n} ${parts.join(' ')}`;
    });
  }

  private kafka(kafka: Kafka): number {
    return this.whole(kafka, () => {
      const parts = [...kafka.producers, ...kafka.ledgers, kafka.log, kafka.late].map((part) => this.parts.of(part));
      return parts.join(' ');
    });
  }

  private whole(value: object, text: () => string): number {
    let known = this.wholes.get(value);
    if (known === undefined) this.wholes.set(value, (known = hash(text())));
    return known;
  }
}
