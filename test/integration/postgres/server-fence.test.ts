import { ledgerHalt } from '../../../src/domain/relay/ledger-halt';
import type { Pool } from 'pg';
import { countByStatus } from '../../../src/postgres/events';
import { createPool } from '../../../src/postgres/pool';
import { attachPublisher } from '../../../src/postgres/relay/attach';
import { setAside } from '../../../src/postgres/relay/aside';
import { adoptPublishers, haltRelay, markRecovered } from '../../../src/postgres/relay/relays';
import { retryUnsettled } from '../../../src/postgres/relay/unsettled';
import { createTenant } from '../../../src/postgres/tenants';
import { migrateInChild } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';
import { RelayRows } from '../../support/relay-rows';
import { startOwnStack } from '../../support/stack';
import type { OwnStack } from '../../support/stack';

// After a fail-over or a restore the row may say what a relay remembers, by chance: here it always does.
let stack: OwnStack;
let pool: Pool;
const ref = kafkaOf('acme');
const DATABASE = 'fenced';

function urlOf(database: string): string {
  const url = new URL(stack.databaseUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(...statements: string[]): Promise<void> {
  const admin = createPool(stack.databaseUrl, { max: 1 });
  for (const statement of statements) await admin.query(statement);
  await admin.end();
}

beforeAll(async () => {
  stack = await startOwnStack({ only: ['postgres'] });
  await onServer(`create database ${DATABASE}`);
  await migrateInChild(urlOf(DATABASE), 'up');
  pool = createPool(urlOf(DATABASE));
  await createTenant(pool, 'acme');
}, 120_000);
afterAll(async () => {
  await pool.end();
  await stack.stop();
});

const WAYS: { name: string; happens: () => Promise<void> }[] = [
  { name: 'the server was restarted', happens: () => stack.restart('postgres') },
  {
    name: 'the table was restored in place',
    happens: async () => {
      await pool.query('create table older as select * from outbox.relays');
      await pool.query('truncate outbox.relays; insert into outbox.relays select * from older; drop table older');
    },
  },
  {
    name: 'the database was restored on the same server',
    happens: async () => {
      await pool.end();
      await onServer(
        `create database older template ${DATABASE}`,
        `drop database ${DATABASE} with (force)`,
        `alter database older rename to ${DATABASE}`,
      );
      pool = createPool(urlOf(DATABASE));
    },
  },
];

it.each(WAYS)(
  '$name: a relay that was taken over before can write nothing, although row and number are the same',
  async ({ happens }) => {
    await pool.query('delete from outbox.relays');
    const [sent = '', other = ''] = await enqueueSome(pool, 'acme', 2);
    const relay = await RelayRows.take(pool);
    await relay.attach('acme');
    const facts = async (): Promise<unknown[]> => {
      const relays = await pool.query('select fence, ledger_offset, halted, recovered_on from outbox.relays');
      const publishers = await pool.query('select owner_relay, owner_fence, state, revision from outbox.publishers');
      return [relays.rows, publishers.rows, await countByStatus(pool, 'acme')];
    };
    const before = await facts();
    await happens();

    const { held } = relay;
    const late = new RelayRows(pool, held);
    const fenced = { code: 'FENCED' };
    await expect(late.attach('acme')).rejects.toMatchObject(fenced);
    await expect(late.claim('acme')).rejects.toMatchObject(fenced);
    await expect(late.publish('acme', [sent])).rejects.toMatchObject(fenced);
    await expect(late.park('acme', other)).rejects.toMatchObject(fenced);
    await expect(late.detach('acme')).rejects.toMatchObject(fenced);
    await expect(attachPublisher(pool, held, ref, {})).rejects.toMatchObject(fenced);
    await expect(retryUnsettled(pool, held)).rejects.toMatchObject(fenced);
    await expect(adoptPublishers(pool, held)).rejects.toMatchObject(fenced);
    await expect(markRecovered(pool, held)).rejects.toMatchObject(fenced);
    await haltRelay(pool, held, ledgerHalt('seq_gap', 'nobody', 'hears of it')).catch(() => undefined);
    await setAside(pool, held, [{ ref, events: [{ id: other, lane: 2 }], revision: 0 }]).catch(() => undefined);
    expect(await facts()).toEqual(before);

    const anew = await RelayRows.take(pool);
    await anew.publish('acme', [sent]);
    expect((await countByStatus(pool, 'acme')).published).toBeGreaterThan(0);
  },
);
