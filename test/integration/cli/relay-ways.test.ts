import type { CliRig } from './rig';
import { startCliRig } from './rig';

let cli: CliRig;

// No worker: what a choice leaves in the rows stays to be looked at.
beforeAll(async () => {
  cli = await startCliRig('cliways', { worker: false });
  const halt = (reason: string, generation: number): string =>
    JSON.stringify({ why: 'both', since: 'now', reason, postgres: 'remembers this', kafka: 'has that', generation });
  await cli.rig.installation.query(
    `insert into outbox.relays (relay, fence, ledger_offset, ledger_kind, ledger_seq, ledger_fence, halted)
     values (3, 7, 40, 'batch', 12, 7, $1), (5, 2, 8, 'barrier', 0, 2, $2)`,
    [halt('record_changed', 0), halt('newer_database', 2)],
  );
}, 120_000);
afterAll(() => cli?.close());

test('both sides of each halted relay are shown, with the ways out', async () => {
  const { out } = await cli.run('halted', 'show');
  expect(out).toMatch(/^postgres +remembers this$/m);
  expect(out).toMatch(/^kafka +has that$/m);
  expect(out).toContain('ways out: outboxctl relays recheck, outboxctl relays adopt-ledger');
  expect(out).toContain('ways out: outboxctl relays recheck, outboxctl relays adopt-database');
});

test('what cannot be undone says first what it would do; each choice fits its halts only, and is in the change log', async () => {
  const dry = await cli.json('relays', 'adopt-ledger', '--why', 'new Kafka');
  expect(dry).toMatchObject({ dry_run: true, relays: [3] });
  expect(await cli.json('relays', 'adopt-ledger', '--why', 'new Kafka', '--yes')).toEqual({
    choice: 'adopt-ledger',
    relays: [3],
    generation: null,
  });
  const none = await cli.run('relays', 'adopt-ledger', '5', '--why', 'x', '--yes');
  expect([none.code, none.err]).toEqual([
    1,
    expect.stringContaining('No halted relay is one that adopt-ledger is for'),
  ]);
  const adopted = await cli.run('relays', 'adopt-database', '--why', 'production is gone', '--yes');
  expect([adopted.code, adopted.out]).toEqual([0, expect.stringContaining('adopt-database of relays 5 accepted')]);
  expect(
    await cli.rig.installation.query(
      `select relay::int, fence::int, ledger_offset::int as at, halted is null as free, adopting ->> 'why' as adopting, generation::int
     from outbox.relays where relay in (3, 5) order by relay`,
    ),
  ).toEqual([
    { relay: 3, fence: 9, at: -1, free: true, adopting: 'new Kafka', generation: 3 },
    { relay: 5, fence: 3, at: 8, free: true, adopting: null, generation: 3 },
  ]);
  const { entries } = await cli.json('changes');
  expect((entries as { action: string; why: string }[]).map(({ action, why }) => [action, why])).toEqual([
    ['relays.adopt-database', 'production is gone'],
    ['relays.adopt-ledger', 'new Kafka'],
  ]);
});
