import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program';
import { bodyOf } from '../../../src/cli/quota';

function leaves(command: Command, names: readonly string[] = []): { name: string; command: Command }[] {
  if (command.commands.length === 0) return [{ name: names.join(' '), command }];
  return command.commands.flatMap((child) => leaves(child, [...names, child.name()]));
}

const all = leaves(createProgram());
const optionsOf = (command: Command): string[] => command.options.map((option) => option.long ?? '');

test('docs/cli.md has a row with an example for every command, and no other', () => {
  const text = readFileSync(join(__dirname, '../../../docs/cli.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `outboxctl ([a-z -]+?)`/gm)].map((match) => match[1]);
  expect(documented.sort()).toEqual(all.map(({ name }) => name).sort());
});

test('every command over the admin API has --url and --json', () => {
  for (const { name, command } of all) {
    if (['audit', 'config check', 'config print'].includes(name)) continue;
    expect([name, ...optionsOf(command)]).toEqual(expect.arrayContaining([name, '--url', '--json']));
  }
});

test('what cannot be undone needs --yes', () => {
  const careful = all.filter(({ command }) => optionsOf(command).includes('--yes')).map(({ name }) => name);
  expect(careful.sort()).toEqual([
    'admin-key revoke',
    'held release',
    'key revoke',
    'parked skip',
    'relays adopt-database',
    'relays adopt-ledger',
    'replay cancel',
    'replay ids',
    'replay tenant',
    'tenant delete',
  ]);
});

test('quota set sends only what is named; none takes a limit away', () => {
  expect(bodyOf({})).toEqual({});
  expect(bodyOf({ rate: 'none', ingestBurst: 5, maxPending: 0 })).toEqual({
    rate_per_second: null,
    ingest: { burst: 5, max_pending: 0 },
  });
});
