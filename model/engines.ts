import { explore } from './drain-machine';
import { exploreMachine } from './explore';
import type { Exploration, Finding, Limits } from './explore';
import * as first from './mutations';
import { relayMachine } from './relay/machine';
import * as relays from './relay/mutations';
import { RULE_NAMES as RELAY_RULES } from './relay/rules';
import { SCOPE_NAMES as RELAY_SCOPES, scopeOf as relayScope } from './relay/scopes';
import { RULE_NAMES } from './rules';
import { SCOPE_NAMES, scopeOf } from './scopes';

/** What `npm run model` can explore. */
export interface Engine {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly rules: readonly string[];
  readonly explore: (
    scope: string,
    size: 'small' | 'deep',
    off: readonly string[],
    harm: boolean,
    limits: Limits,
  ) => Exploration;
  readonly mutations: readonly Shown[];
}

export interface Shown {
  readonly off: readonly string[];
  readonly show: () => Finding | null;
  readonly row: (found: Finding) => string;
}

function known<T extends string>(name: string, names: readonly T[]): T {
  const found = names.find((one) => one === name);
  if (found === undefined) throw new Error(`There is no "${name}". Choose from: ${names.join(', ')}.`);
  return found;
}

const RELAYS: Engine = {
  name: 'relays',
  scopes: RELAY_SCOPES,
  rules: RELAY_RULES,
  explore: (scope, size, off, _harm, limits) => {
    const rules = off.map((rule) => known(rule, RELAY_RULES));
    return exploreMachine(relayMachine(relayScope(known(scope, RELAY_SCOPES), size, rules)), limits);
  },
  mutations: relays.MUTATIONS.map((mutation) => ({
    off: mutation.off,
    show: () => relays.showMutation(mutation),
    row: (found) => relays.rowOf(mutation, found),
  })),
};

const FIRST: Engine = {
  name: 'first',
  scopes: SCOPE_NAMES,
  rules: RULE_NAMES,
  explore: (scope, size, off, harm, limits) => {
    const rules = off.map((rule) => known(rule, RULE_NAMES));
    return explore(scopeOf(known(scope, SCOPE_NAMES), size, rules, harm), limits);
  },
  mutations: first.MUTATIONS.map((mutation) => ({
    off: mutation.off,
    show: () => first.showMutation(mutation),
    row: (found) => first.rowOf(mutation, found),
  })),
};

export const ENGINES: readonly Engine[] = [RELAYS, FIRST];
