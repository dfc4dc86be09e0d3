import { defineSignal, defineUpdate, patched, proxyLocalActivities, setHandler } from '@temporalio/workflow';
import type { PublisherActivities } from '../domain/publisher-settings';
import type { PublisherState } from '../domain/publisher-state';
import { checkEvents, checkRelease, checkStatus, describeAnswer, eventIdsOf } from '../domain/tenant-commands';
import type {
  EventsAnswer,
  EventsCommand,
  ReleaseAnswer,
  ReleaseCommand,
  StatusAnswer,
  StatusCommand,
  TenantCommand,
  TenantCommandOutcome,
} from '../domain/tenant-commands';
import { InTurn, commandIdOf } from './in-turn';
import { badCommand, notAnswered, validator } from './refusals';

/**
 * Given up soon: while a local activity runs, the publisher's other steps wait for seconds each. Local nevertheless, for another one would
 * queue behind the drains of a crowded worker.
 */
const local = proxyLocalActivities<PublisherActivities>({
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

interface Handlers {
  readonly box: { state: PublisherState };
  readonly change: (next: PublisherState) => PublisherState;
  readonly refuse: () => void;
}

/**
 * Commands about the tenant and its events: each a signal and an update of the same name. Unlike the publisher's own they change rows of
 * Postgres, not the state; an update answers when that is done.
 */
export function registerTenantCommands({ box, change, refuse }: Handlers): void {
  const turns = new InTurn();
  const carryOut = async (command: TenantCommand, commandId: string): Promise<TenantCommandOutcome> => {
    const { tenant, destination, shard } = box.state;
    const outcome = await turns
      .run(() => local.carryOutCommand({ tenant, destination, shard }, command, commandId))
      .catch((error: unknown) => ({ kind: 'refused', why: notAnswered(error) }) as const);
    const { name, by } = command;
    const said = outcome.kind === 'done' ? describeAnswer(outcome.answer) : outcome.why;
    change({ ...box.state, lastCommand: { name, by, at: Date.now(), outcome: said } });
    return outcome;
  };

  const register = <C, A>(
    name: string,
    check: (command: unknown) => string | null,
    commandOf: (command: C) => TenantCommand,
  ): void => {
    const checked = (command: unknown): string | null => check(command) ?? turns.full;
    setHandler(defineSignal<[C]>(name), async (command) => {
      // An older version counted it as refused: a run that it left is not to carry it out when it is replayed.
      if (checked(command) !== null || !patched('tenant-commands')) return refuse();
      const outcome = await carryOut(commandOf(command), commandIdOf(name));
      if (outcome.kind === 'refused') refuse();
    });
    const update = async (command: C): Promise<A> => {
      const outcome = await carryOut(commandOf(command), commandIdOf(name));
      if (outcome.kind === 'refused') throw badCommand(outcome.why);
      return outcome.answer as A;
    };
    setHandler(defineUpdate<A, [C]>(name), update, { validator: validator(checked) });
  };

  for (const name of ['retryEvents', 'skipEvents'] as const) {
    register<EventsCommand, EventsAnswer>(name, checkEvents, (command) => {
      const { by, why } = command;
      return { name, eventIds: eventIdsOf(command), by, why };
    });
  }
  register<ReleaseCommand, ReleaseAnswer>('releaseKey', checkRelease, ({ key, action, by, why }) => {
    return { name: 'releaseKey', key, action, by, why };
  });
  for (const [name, known] of STATUS_COMMANDS) {
    register<StatusCommand, StatusAnswer>(known, checkStatus, ({ by, why }) => ({ name, by, why }));
  }
}

/** What each does, and the names that it has: `resumeTenant` beside the one that the admin API knows. */
const STATUS_COMMANDS = [
  ['suspendTenant', 'suspendTenant'],
  ['reactivateTenant', 'reactivateTenant'],
  ['reactivateTenant', 'resumeTenant'],
] as const;
