import type { Command } from 'commander';
import { Argument, InvalidArgumentError } from 'commander';
import { changeCommand, finalCommand, printDone, printDryRun } from './command';
import type { ChangeFlags, FinalFlags } from './command';
import { listOf, print, printFields, recordOf } from './output';
import { clientOf, run } from './run';

type Way = 'recheck' | 'adopt-ledger' | 'adopt-database';

const ABOUT = {
  'adopt-ledger': 'take the ledger as it is now: what it has lost may be published twice',
  'adopt-database': 'go on with this database: every other one that has published halts for good',
} as const;

/** Adds the ways out of halted relays to `outboxctl relays`. */
export function addRelayWays(noun: Command): void {
  changeCommand(noun, 'recheck', 'compare halted relays with their ledger again, once the cause is mended')
    .addArgument(numbers())
    .action((relays: number[], flags: ChangeFlags) => run(() => choose('recheck', relays, flags)));
  for (const way of ['adopt-ledger', 'adopt-database'] as const) {
    finalCommand(noun, way, ABOUT[way])
      .addArgument(numbers())
      .action((relays: number[], flags: FinalFlags) => run(() => choose(way, relays, flags)));
  }
}

function numbers(): Argument {
  return new Argument('[relay...]', 'only these relays; without any, all that it is for')
    .default([])
    .argParser((text: string, before: number[]) => {
      if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('A relay is a number.');
      return [...before, Number(text)];
    });
}

/** A halted relay: what Postgres remembers, what Kafka has, and what may be chosen. */
export function printHaltedRelay(relay: Record<string, unknown>): void {
  const { reason, since, postgres, kafka, ways } = recordOf(relay['halted']);
  const { ledger, fence, recovered_on, attached } = relay;
  printFields({
    relay: relay['relay'],
    reason,
    since,
    postgres,
    kafka,
    row: { ledger, fence, recovered_on },
    attached,
  });
  print(`ways out: ${(ways as readonly string[]).map((way) => `outboxctl relays ${way}`).join(', ')}`);
  print('');
}

async function choose(
  way: Way,
  relays: readonly number[],
  flags: ChangeFlags & { readonly yes?: boolean },
): Promise<void> {
  const client = clientOf(flags);
  if (way !== 'recheck' && flags.yes !== true) {
    const halted = listOf(await client.request('GET', '/admin/relays'), 'relays').filter(
      (one) =>
        one['halted'] !== null &&
        (recordOf(one['halted'])['ways'] as readonly string[]).includes(way) &&
        (relays.length === 0 || relays.includes(Number(one['relay']))),
    );
    if (flags.json !== true) halted.forEach(printHaltedRelay);
    const named = halted.map(({ relay }) => relay);
    const what = named.length === 0 ? 'nothing: no halted relay is one that it is for' : `relays ${named.join(', ')}`;
    return printDryRun(flags, `${way} ${what}: ${ABOUT[way]}`, { relays: named });
  }
  const body = { choice: way, why: flags.why, ...(relays.length > 0 && { relays }) };
  const answer = recordOf(await client.request('POST', '/admin/relays/halted', body));
  const ended = (answer['relays'] as readonly number[]).join(', ');
  printDone(flags, answer, `${way} of relays ${ended} accepted; outboxctl halted show says whether they go on`);
}
