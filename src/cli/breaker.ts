import type { Command } from 'commander';
import { orNone, positive, span, tenant } from './arguments';
import type { OrNone } from './arguments';
import { adminCommand, changeCommand, printDone } from './command';
import type { ChangeFlags } from './command';
import { listOf, printFields, printJson, printRecords, recordOf, without } from './output';
import { path } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface ConfigureFlags extends ChangeFlags {
  readonly threshold?: OrNone;
  readonly resetInterval?: OrNone;
}

/** Adds `outboxctl breaker`. */
export function registerBreaker(program: Command): void {
  const noun = program.command('breaker').description("tenants' circuit breakers");
  adminCommand(noun, 'show', 'state, failures, next probe and last transitions')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: AdminFlags) => run(() => show(name, flags)));
  const configure = changeCommand(noun, 'configure', "change a tenant's own limits")
    .argument('<tenant>', 'tenant', tenant)
    .option('--threshold <n>', 'failures in a row that open it', orNone(positive))
    .option('--reset-interval <span>', 'wait before the first probe, such as 60s', orNone(span))
    .addHelpText('after', "\n--threshold none --reset-interval none goes back to the deployment's.");
  configure.action((name: string, flags: ConfigureFlags) => {
    if (flags.threshold === undefined && flags.resetInterval === undefined) {
      configure.error('error: nothing to change: give --threshold, --reset-interval or both.');
    }
    if ((flags.threshold === 'none') !== (flags.resetInterval === 'none')) {
      configure.error('error: none takes both back: give --threshold none --reset-interval none.');
    }
    return run(() => configureOne(name, flags));
  });
  changeCommand(noun, 'open', 'open it by hand: nothing is sent until it is reset')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => act(name, 'open', 'opened', flags)));
  changeCommand(noun, 'reset', 'close it: the next drain sends again')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => act(name, 'reset', 'closed', flags)));
}

async function show(name: string, flags: AdminFlags): Promise<void> {
  const answer = recordOf(await clientOf(flags).request('GET', path`/admin/circuit/${name}`));
  if (flags.json === true) return printJson(answer);
  printFields(without(answer, 'transitions'));
  const transitions = listOf(answer, 'transitions');
  const columns = [...new Set(transitions.flatMap((transition) => Object.keys(transition)))];
  if (columns.length > 0) printRecords(columns, transitions);
}

async function configureOne(name: string, flags: ConfigureFlags): Promise<void> {
  const { threshold, resetInterval } = flags;
  const body = {
    ...(threshold !== undefined && { failure_threshold: threshold === 'none' ? null : threshold }),
    ...(resetInterval !== undefined && { reset_interval: resetInterval === 'none' ? null : resetInterval / 1_000 }),
    why: flags.why,
  };
  const answer = await clientOf(flags).request('POST', path`/admin/circuit/${name}/configure`, body);
  printDone(flags, answer, `configured the breaker of ${name}`);
}

async function act(name: string, action: string, done: string, flags: ChangeFlags): Promise<void> {
  const answer = await clientOf(flags).request('POST', `${path`/admin/circuit/${name}`}/${action}`, { why: flags.why });
  printDone(flags, answer, `${done} the breaker of ${name}`);
}
