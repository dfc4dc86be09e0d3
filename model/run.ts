import { parseArgs } from 'node:util';
import { explore } from './drain-machine';
import { MUTATIONS, rowOf, showMutation } from './mutations';
import { RULE_NAMES } from './rules';
import type { Rule } from './rules';
import { SCOPE_NAMES, scopeOf } from './scopes';
import type { ScopeName } from './scopes';

/** `npm run model`, see docs/model.md. Exit code 1 = a promise is broken. */
const { values } = parseArgs({
  options: {
    scope: { type: 'string', multiple: true },
    without: { type: 'string', multiple: true },
    small: { type: 'boolean', default: false },
    depth: { type: 'string', default: '30' },
    states: { type: 'string', default: '1500000' },
    all: { type: 'boolean', default: false },
    harm: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
  },
});

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function chosen<T extends string>(given: readonly string[], known: readonly T[], what: string): T[] {
  return given.map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new Error(`There is no ${what} "${name}". Choose from: ${known.join(', ')}.`);
    return found;
  });
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
  const scopes: ScopeName[] = values.scope === undefined ? SCOPE_NAMES : chosen(values.scope, SCOPE_NAMES, 'scope');
  const off: Rule[] = chosen(values.without ?? [], RULE_NAMES, 'rule');
  const limits = { depth: values.small ? 1_000 : Number(values.depth), states: Number(values.states), all: values.all };
  for (const name of scopes) {
    const result = explore(scopeOf(name, values.small ? 'small' : 'deep', off, values.harm), limits);
    const { states, transitions, depth, complete, seconds, halts } = result;
    print(
      `${name.padEnd(10)} ${states} states, ${transitions} transitions, depth ${depth}${complete ? ', complete' : ''}, ` +
        `${seconds.toFixed(1)} s${halts.length > 0 ? `, rightly halted: ${halts.join(', ')}` : ''}`,
    );
    for (const { broken, trace } of result.found) {
      process.exitCode = 1;
      print(broken, ...numbered(trace));
    }
  }
}

if (values.mutations) mutations();
else explorations();
