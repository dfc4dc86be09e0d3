import type { Command } from 'commander';
import { count, identifier, limit, limitBody, replayId, tenant } from './arguments';
import type { Limit } from './arguments';
import { adminCommand, changeCommand, finalCommand, listCommand, printDone, printDryRun } from './command';
import type { ChangeFlags, FinalFlags, ListFlags } from './command';
import { print, printFields, printJson, printRecords, recordOf } from './output';
import { list, noteMore, path } from './pages';
import { registerReplayNow } from './replay-now';
import { registerPlan } from './replay-plan';
import { requireSuccess, waitForReplay } from './replay-wait';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface StartFlags extends ChangeFlags {
  readonly expect: number;
  readonly replayId?: string;
  readonly rate?: Limit;
  readonly wait?: boolean;
}

interface StatusFlags extends AdminFlags {
  readonly wait?: boolean;
}

interface ListReplaysFlags extends ListFlags {
  readonly tenant?: string;
}

const COLUMNS = [
  'tenant_id',
  'replay_id',
  'state',
  'total',
  'published',
  'remaining',
  'failed',
  'by',
  'started_at',
  'ended_at',
];

/** Adds `outboxctl replay`: publish events once more, beside the live ones. */
export function registerReplay(program: Command): void {
  const noun = program.command('replay').description('publish events again, planned first');
  registerPlan(noun);
  changeCommand(noun, 'start', 'start a plan; starting the same replay again has no second effect')
    .argument('<planId>', 'id of the plan', identifier)
    .requiredOption('--expect <n>', 'events that the plan counted; refused if it is another number by now', count)
    .option('--replay-id <id>', "the replay's id (default: the plan's, so that one plan is one replay)", replayId)
    .option('--rate <n>', 'most events per second', limit)
    .option('--wait', 'wait until it is over, with progress on stderr')
    .action((planId: string, flags: StartFlags) => run(() => start(planId, flags)));
  adminCommand(noun, 'status', 'how far a replay is')
    .argument('<tenant>', 'tenant', tenant)
    .argument('<replayId>', 'id of the replay', replayId)
    .option('--wait', 'wait until it is over, with progress on stderr')
    .action((name: string, id: string, flags: StatusFlags) => run(() => status(name, id, flags)));
  listCommand(noun, 'ls', 'list replays')
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .action((flags: ListReplaysFlags) => run(() => show(flags)));
  const pause = changeCommand(noun, 'pause', 'stop feeding a replay; what was fed is still published');
  controls(pause, 'pause', 'paused');
  controls(changeCommand(noun, 'resume', 'go on with a paused replay'), 'resume', 'resumed');
  const cancel = finalCommand(noun, 'cancel', 'end a replay; what was published stays published');
  controls(cancel, 'cancel', 'cancelled');
  registerReplayNow(noun);
}

function controls(command: Command, action: 'pause' | 'resume' | 'cancel', done: string): void {
  command
    .argument('<tenant>', 'tenant', tenant)
    .argument('<replayId>', 'id of the replay', replayId)
    .action((name: string, id: string, flags: FinalFlags) =>
      run(async () => {
        if (action === 'cancel' && flags.yes !== true) return wouldCancel(name, id, flags);
        const route = `${path`/admin/replays/${name}/${id}`}/${action}`;
        const answer = await clientOf(flags).request('POST', route, { why: flags.why });
        printDone(flags, answer, `${done} replay ${id} of ${name}`);
      }),
    );
}

async function wouldCancel(name: string, id: string, flags: FinalFlags): Promise<void> {
  const replay = recordOf(await clientOf(flags).request('GET', path`/admin/replays/${name}/${id}`));
  const { state, total, published, remaining } = replay;
  const ended = state === 'done' || state === 'cancelled';
  const counts = `${String(published)} of ${String(total)} published, ${String(remaining)} would not be`;
  const would = ended
    ? `cancel nothing: replay ${id} of ${name} is ${state}`
    : `cancel replay ${id} of ${name} (${counts})`;
  printDryRun(flags, would, { replay });
}

async function start(planId: string, flags: StartFlags): Promise<void> {
  const client = clientOf(flags);
  const body = {
    plan_id: planId,
    replay_id: flags.replayId ?? planId,
    expected_count: flags.expect,
    ...(flags.rate !== undefined && { rate_per_second: limitBody(flags.rate) }),
    why: flags.why,
  };
  const started = recordOf(await client.request('POST', '/admin/replays', body));
  const [name, id] = [String(started['tenant_id']), String(started['replay_id'])];
  if (flags.wait === true) return finish(flags, await waitForReplay(client, name, id));
  if (flags.json === true) return printJson(started);
  print(`replay ${id} of ${name} is ${String(started['state'])}`);
}

async function status(name: string, id: string, flags: StatusFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.wait === true) return finish(flags, await waitForReplay(client, name, id));
  const answer = await client.request('GET', path`/admin/replays/${name}/${id}`);
  if (flags.json === true) return printJson(answer);
  printFields(recordOf(answer));
}

function finish(flags: AdminFlags, answer: unknown): void {
  if (flags.json === true) printJson(answer);
  else printFields(recordOf(answer));
  requireSuccess(answer);
}

async function show(flags: ListReplaysFlags): Promise<void> {
  const query = { tenant: flags.tenant, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/replays', 'replays', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  noteMore(listed);
}
