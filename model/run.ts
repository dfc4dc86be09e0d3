import { parseArgs } from 'node:util';
import { exploreMachine } from './explore';
import { relayMachine } from './relay/machine';
import { MUTATIONS, rowOf, showMutation } from './relay/mutations';
import { RULE_NAMES } from './relay/rules';
import { SCOPE_NAMES, scopeOf } from './relay/scopes';

/** `npm run model`, see docs/model.md. Exit code 1 = a promise is broken. */
const { values } = parseArgs({
  options: {
    scope: { type: 'string', multiple: true },
    without: { type: 'string', multiple: true },
    small: { type: 'boolean', default: false },
    depth: { type: 'string', default: '30' },
    states: { type: 'string', default: '1500000' },
    all: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
  },
});

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function known<T extends string>(name: string, names: readonly T[]): T {
  const found = names.find((one) => one === name);
  if (found === undefined) throw new Error(`There is no "${name}". Choose from: ${names.join(', ')}.`);
  return found;
}

function numbered(trace: readonly string[]): string[] {
  return trace.map((label, index) => `  ${String(index + 1).padStart(2)}. ${label}`);
}

function mutations(): void {
  for (const mutation of MUTATIONS) {
    const found = showMutation(mutation);
    if (found === null) {
      process.exitCode = 1;
      print(`nothing breaks without ${mutation.off.join(', ')}`);
    } else print(rowOf(mutation, found), ...(values.all ? numbered(found.trace) : []));
  }
}

function explorations(): void {
  const limits = { depth: values.small ? 1_000 : Number(values.depth), states: Number(values.states), all: values.all };
  const without = (values.without ?? []).map((rule) => known(rule, RULE_NAMES));
  for (const name of values.scope ?? SCOPE_NAMES) {
    const scope = scopeOf(known(name, SCOPE_NAMES), values.small ? 'small' : 'deep', without);
    const { states, transitions, depth, complete, seconds, halts, found } = exploreMachine(relayMachine(scope), limits);
    print(
      `${name.padEnd(10)} ${states} states, ${transitions} transitions, depth ${depth}${complete ? ', complete' : ''}, ` +
        `${seconds.toFixed(1)} s${halts.length > 0 ? `, rightly halted: ${halts.join(', ')}` : ''}`,
    );
    for (const { broken, trace } of found) {
      process.exitCode = 1;
      print(broken, ...numbered(trace));
    }
  }
}

if (values.mutations) mutations();
else explorations();
