import { parseArgs } from 'node:util';
import { ENGINES } from './engines';
import type { Engine } from './engines';

/** `npm run model`, see docs/model.md. Exit code 1 = a promise is broken. */
const { values } = parseArgs({
  options: {
    engine: { type: 'string' },
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

/** The engines that know all these names; every engine where nothing is named. */
function chosen(): Engine[] {
  const { engine, scope = [], without = [] } = values;
  const found = ENGINES.filter(
    ({ name, scopes, rules }) =>
      (engine === undefined || engine === name) &&
      scope.every((one) => scopes.includes(one)) &&
      without.every((one) => rules.includes(one)),
  );
  if (found.length > 0) return found;
  const names = ENGINES.map(({ name, scopes, rules }) => `${name}: ${scopes.join(', ')}; ${rules.join(', ')}`);
  throw new Error(`No engine knows these scopes and rules. Choose from:\n${names.join('\n')}`);
}

function numbered(trace: readonly string[]): string[] {
  return trace.map((label, index) => `  ${String(index + 1).padStart(2)}. ${label}`);
}

function mutations(engine: Engine): void {
  for (const { off, show, row } of engine.mutations) {
    const found = show();
    if (found === null) {
      process.exitCode = 1;
      print(`nothing breaks without ${off.join(', ')}`);
    } else print(row(found), ...(values.all ? numbered(found.trace) : []));
  }
}

function explorations(engine: Engine): void {
  const limits = { depth: values.small ? 1_000 : Number(values.depth), states: Number(values.states), all: values.all };
  for (const name of values.scope ?? engine.scopes) {
    const result = engine.explore(name, values.small ? 'small' : 'deep', values.without ?? [], values.harm, limits);
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

for (const engine of chosen()) {
  print(`${engine.name}:`);
  if (values.mutations) mutations(engine);
  else explorations(engine);
}
