import { firstWorld } from '../../../model/relay/scope';
import type { Scope } from '../../../model/relay/scope';
import { kafkaFactsOf, rowFactsOf } from './facts';
import { move } from './moves';
import { Observer } from './observer';
import { probe } from './probes';
import { Deviation, same } from './report';
import { conformanceRig } from './rig';
import { Stage } from './stage';
import { choose, holderIn, opening, wholeOf } from './ways';
import type { Random } from './ways';

export interface Walked {
  readonly steps: readonly string[];
  /** How the product left the model's path; null = it did not. */
  readonly deviation: string | null;
  readonly published: number;
}

/** Share of the walks that begin where relays and publishers are at work. */
const USUAL = 0.8;

/** A walk through `scope` that the product follows on real servers; after each step what can be seen of it is compared. */
export async function conform(scope: Scope, random: Random, length: number): Promise<Walked> {
  const rig = await conformanceRig(scope);
  const observer = await Observer.open(rig, scope.relays);
  const stage = new Stage(scope, rig, observer);
  const steps: string[] = [];
  let world = firstWorld(scope);
  let mover = 0;
  let begins = random() < USUAL;
  try {
    while (steps.length < length) {
      const next = (begins ? opening(scope, world) : null) ?? choose(stage, world, mover, random);
      begins &&= opening(scope, next?.world ?? world) !== null;
      if (next === null) break;
      const step = { label: next.label, before: world, after: wholeOf(scope, next) };
      steps.push(step.label);
      const who = holderIn(next.label);
      world = step.after;
      if (who === null) await stage.environment(step);
      else {
        mover = who;
        if (/P2: sends.*\d$/.test(step.label) && random() < 0.2 && world.left.refusals > 0) stage.doomed.add(who);
        await move(stage, who, step);
      }
      const isNew = steps.length === 1 || step.before.kafka !== world.kafka;
      const kafka = kafkaFactsOf(scope, world);
      if (isNew) same('what Kafka has', await observer.kafka(kafka), kafka);
      same('what Postgres has', await observer.rows(), rowFactsOf(world, stage.ahead));
      const tried = await probe(stage, world, random);
      if (tried !== null) {
        steps.push(`  tries in vain: ${tried}`);
        same('what Postgres has', await observer.rows(), rowFactsOf(world, stage.ahead));
      }
    }
    return { steps, deviation: null, published: world.kafka.log.length };
  } catch (error) {
    if (!(error instanceof Deviation)) throw new Error(`after\n${steps.join('\n')}`, { cause: error });
    return { steps, deviation: error.message, published: world.kafka.log.length };
  } finally {
    for (const holder of stage.holders) holder.die();
    await observer.close();
    await rig.close();
  }
}
