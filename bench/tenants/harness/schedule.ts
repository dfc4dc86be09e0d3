import type { Random } from '../../../faults/traffic/random';

/** One event of an open loop: when its commit is due, ms after the start, and whose it is. */
export interface Due {
  readonly afterMs: number;
  readonly tenant: string;
}

/** `perSecond` events in all, each of a tenant that chance picks. */
export function* sparse(
  random: Random,
  options: { readonly tenants: readonly string[]; readonly perSecond: number; readonly seconds: number },
): Generator<Due> {
  const count = Math.round(options.perSecond * options.seconds);
  for (let nth = 0; nth < count; nth += 1) {
    yield { afterMs: (nth * 1_000) / options.perSecond, tenant: random.pick(options.tenants) };
  }
}

/** Each tenant in turn, once per round: between two events of one all others have had theirs. */
export function* inTurn(options: {
  readonly tenants: readonly string[];
  readonly perSecond: number;
  readonly rounds: number;
}): Generator<Due> {
  const { tenants, perSecond } = options;
  for (let nth = 0; nth < tenants.length * options.rounds; nth += 1) {
    yield { afterMs: (nth * 1_000) / perSecond, tenant: tenants[nth % tenants.length] as string };
  }
}

/** Single events with gaps that chance picks, so that they are in step with nobody's looks. */
export function* lone(
  random: Random,
  options: { readonly tenant: string; readonly count: number; readonly gapMs: readonly [low: number, high: number] },
): Generator<Due> {
  let afterMs = 0;
  for (let nth = 0; nth < options.count; nth += 1) {
    yield { afterMs, tenant: options.tenant };
    afterMs += options.gapMs[0] + random.next() * (options.gapMs[1] - options.gapMs[0]);
  }
}
