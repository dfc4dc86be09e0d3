import type { Scope } from '../../../model/relay/scope';
import { successors } from '../../../model/relay/successors';
import type { Next, World } from '../../../model/relay/world';
import { mayGoOn } from './stage';
import type { Stage } from './stage';

/** A number from 0 to 1, below 1. */
export type Random = () => number;

/** Both relays are taken over, and the first has all publishers: where most walks begin. Null = that is so, or cannot become so. */
export function opening(scope: Scope, world: World): Next | null {
  const [first, , second] = world.holders;
  if (first?.step === 'open' && first.set.length === scope.publishers) return null;
  const all = successors(scope, world).filter(({ label }) => /^[AC]\(r\d\) (T|attaches)/.test(label));
  const isFirst = (next: Next): boolean => holderIn(next.label) === 0;
  if (first?.step !== 'adopt' && first?.step !== 'open') return all.find(isFirst) ?? null;
  if (second?.step !== 'adopt' && second?.step !== 'open') return all.find((next) => !isFirst(next)) ?? null;
  return all.find(isFirst) ?? null;
}

/** Which of what can happen next does: mostly the holder that moved last goes on. */
export function choose(
  stage: Pick<Stage, 'scope' | 'doomed'>,
  world: World,
  mover: number,
  random: Random,
): Next | null {
  const all = successors(stage.scope, world).filter(({ label }) => canFollow(stage, world, label));
  const own = all.filter(({ label }) => holderIn(label) === mover);
  const some = own.length > 0 && random() < 0.75 ? own : all;
  const weights = some.map((next) => weightOf(next));
  let at = random() * weights.reduce((sum, weight) => sum + weight, 0);
  return some.find((_, index) => (at -= weights[index] ?? 0) < 0) ?? some.at(-1) ?? null;
}

/** A claim that finds nothing, and an attach that does not fit, lead nowhere. */
function weightOf({ label, world }: Next): number {
  const me = world.holders[holderIn(label) ?? -1];
  if (me?.claim === null && /P1: claims$/.test(label)) return 0.1;
  const attached = /attaches P(\d+)$/.exec(label)?.[1];
  if (attached !== undefined && me?.set.includes(Number(attached)) === false) return 0.2;
  return WEIGHTS.find(([pattern]) => pattern.test(label))?.[1] ?? 4;
}

const WEIGHTS: readonly (readonly [RegExp, number])[] = [
  [/is killed$|is restarted$|detaches/, 0.2],
  [/T0|is locked$|is paused$/, 0.7],
  [/P3/, 3],
  [/P1|P2|EndTxn/, 10],
  [/is resumed$|attaches|T\d/, 12],
];

/** Left out: what the clock, or a row lock that the walk itself holds, would decide; and what the holder's batch is not for. */
function canFollow(stage: Pick<Stage, 'scope' | 'doomed'>, world: World, label: string): boolean {
  const who = holderIn(label);
  if (who !== null && /EndTxn/.test(label))
    return /abort/.test(label) === stage.doomed.has(who) || GIVES_UP.test(label);
  if (who !== null && /parks/.test(label)) return !world.pg.locked.includes(world.holders[who]?.culprit?.id ?? 0);
  const id = Number(/\be(\d+)/.exec(label)?.[1] ?? 0);
  if (/^an operator (retries|skips)/.test(label)) return !world.pg.locked.includes(id);
  if (!/is settled alone$/.test(label)) return true;
  const relay = relayOf(world, id);
  return stage.scope.holders.some((own, holder) => own === relay && mayGoOn(world, holder, relay));
}

const GIVES_UP = /: refused$/;

/** The model's steps that are one of the product's: all chunks of a take-over but the last, and what one statement settles alone. */
export function wholeOf(scope: Scope, first: Next): World {
  const isPart = /T4, a chunk$/.test(first.label)
    ? ({ label }: Next): boolean => label === first.label
    : /is settled alone$/.test(first.label)
      ? ({ label }: Next): boolean => /is settled alone$/.test(label) && sameRelay(first, label)
      : null;
  let { world } = first;
  for (;;) {
    const next = isPart === null ? undefined : successors(scope, world).find(isPart);
    if (next === undefined) return world;
    ({ world } = next);
  }
}

function sameRelay({ world, label }: Next, other: string): boolean {
  const relays = [label, other].map((text) => relayOf(world, Number(/\be(\d+)/.exec(text)?.[1])));
  return relays[0] === relays[1];
}

/** Whose ledger has the event. */
function relayOf({ kafka }: World, id: number): number {
  return kafka.ledgers.findIndex(({ records }) =>
    records.some((record) => record.kind === 'batch' && record.members.some((item) => item.id === id)),
  );
}

export function holderIn(label: string): number | null {
  return /^[A-D]\(/.test(label) ? label.charCodeAt(0) - 65 : null;
}
