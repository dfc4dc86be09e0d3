import { createPool } from '../../../src/postgres/pool';
import { setAside } from '../../../src/postgres/relay/aside';
import { claim } from '../../../src/postgres/relay/claim';
import type { Wanted } from '../../../src/postgres/relay/claim';
import { look } from '../../../src/postgres/relay/look';
import { parkOnRelay } from '../../../src/postgres/relay/park';
import { recoverChunk } from '../../../src/postgres/relay/recover';
import { settleBatch } from '../../../src/postgres/relay/settle';
import type { PlacedMember } from '../../../src/postgres/relay/settle';
import type { Settled } from '../../../src/domain/relay/types';
import { createTestDatabase } from '../../support/database';
import { ExplainedDb } from '../../support/explained';
import { enqueueSome, kafkaOf } from '../../support/events';
import { RelayRows } from '../../support/relay-rows';

const QUIET = Array.from({ length: 50 }, (_, i) => `quiet-${i}`);
const BACKLOG = 4_000;
const BATCH = 500;
/** So often a prepared statement is planned with its values before the server may keep a plan without them. */
const CUSTOM_PLANS = 6;
const TABLES = ['events', 'publishers', 'relays', 'replay_events', 'relay_counts', 'unsettled', 'released'];

/** Statistics are always late for a queue. Whatever they say, a statement costs what it takes, and never a backlog for each id. */
describe.each(['none', 'of empty tables', 'of a history beside an old transaction'])('with statistics: %s', (known) => {
  it('what a relay does touches few more rows than it names', async () => {
    const database = await createTestDatabase('busy', ...QUIET);
    const pool = createPool(database.url, { max: 3, prepares: true });
    const client = await pool.connect();
    const old = await pool.connect();
    try {
      for (const table of TABLES) await pool.query(`alter table outbox.${table} set (autovacuum_enabled = false)`);
      if (known === 'of empty tables')
        await pool.query(`vacuum analyze ${TABLES.map((t) => `outbox.${t}`).join(', ')}`);
      if (known.startsWith('of a history')) {
        // Of many tenants with an event each, so that the planner believes that of all.
        await pool.query(
          `with t as (insert into outbox.tenants (tenant_id) select 'old-' || n from generate_series(1, 2000) as n returning tenant_id)
           insert into outbox.events (tenant_id, dedupe_key, topic, event_type, content_type, payload)
           select tenant_id, 'first', 'orders', 't', 'text/plain', '' from t`,
        );
        await old.query('begin isolation level repeatable read');
        await old.query('select from outbox.events limit 1');
        await pool.query(`update outbox.events set status = 'published', published_at = now()`);
        await pool.query('analyze outbox.events');
      }
      const explained = new ExplainedDb(client);
      const relay = await RelayRows.take(pool);
      for (const tenant of ['busy', ...QUIET]) await relay.attach(tenant);
      let { horizon } = await look(explained.db, relay.held, null);
      const want = (tenant: string, ids: string[] = [], events = ids.length): Wanted => ({
        ...{ publisher: kafkaOf(tenant), ids, after: '0', events, bytes: 1e6, asks: true, holds: true },
      });
      // Prepared while there was nothing, and kept.
      for (let i = 0; i < CUSTOM_PLANS; i += 1) {
        horizon = (await look(explained.db, relay.held, horizon)).horizon;
        await claim(explained.db, relay.held, [want('busy', ['1'])], horizon);
      }

      await enqueueSome(pool, 'busy', BACKLOG / 2);
      const firsts: string[] = [];
      for (const tenant of QUIET) firsts.push(...(await enqueueSome(pool, tenant, 1)));
      await enqueueSome(pool, 'busy', BACKLOG / 2);
      explained.reset();
      const seen = await look(explained.db, relay.held, horizon);
      expect(seen.found).toHaveLength(QUIET.length + 1);
      expect(seen.found.find(({ tenant }) => tenant === 'busy')?.eventIds).toBeNull();
      expect(explained.most).toBeLessThanOrEqual(BACKLOG + QUIET.length);

      explained.reset();
      const named = QUIET.map((tenant, i) => want(tenant, [firsts[i] ?? '']));
      const answers = await claim(explained.db, relay.held, [...named, want('busy', [], BATCH)], seen.horizon);
      const claimed = answers.flatMap(({ events }) => events);
      expect(claimed).toHaveLength(QUIET.length + BATCH);
      expect(explained.most).toBeLessThanOrEqual(3 * BATCH);

      explained.reset();
      const members = claimed.map(({ event, fingerprint }): PlacedMember => ({
        ...{ tenant: event.tenant, eventId: event.id, replayId: null, fingerprint, partition: 0, offset: '1' },
      }));
      const next: Settled = { offset: 1, kind: 'batch', seq: 1, fence: relay.held.fence };
      const batch = { before: -1, next, members };
      const { counts, unsettled } = await settleBatch(explained.db, relay.held, batch);
      expect([counts.length, unsettled]).toEqual([QUIET.length + 1, 0]);
      // A table that is small as a whole may be read once as a whole.
      expect(explained.most).toBeLessThanOrEqual(3 * BACKLOG);

      explained.reset();
      const [more] = await claim(explained.db, relay.held, [want('busy', [], 20)], seen.horizon);
      const ids = more?.events.map(({ event }) => event.id) ?? [];
      expect(ids).toHaveLength(20);
      const events = ids.slice(0, 10).map((id) => ({ id, lane: 2 }));
      await setAside(explained.db, relay.held, [{ ref: kafkaOf('busy'), revision: more?.revision ?? 0, events }]);
      const parked = ids.slice(10).map((eventId) => ({ eventId, code: 'EVENT_REFUSED' as const, reason: 'test' }));
      await parkOnRelay(explained.db, relay.held, kafkaOf('busy'), parked);
      expect(explained.most).toBeLessThanOrEqual(3 * BACKLOG);

      explained.reset();
      const groups = [...QUIET, 'busy'].map((tenant) => ({
        publisher: kafkaOf(tenant),
        members: members.filter((member) => member.tenant === tenant),
      }));
      const chunk = { before: 1, next: { ...next, offset: 2, seq: 2 }, batches: [{ seq: 2, groups }] };
      expect((await recoverChunk(explained.db, relay.held, chunk)).strangers).toBe(0);
      expect(explained.most).toBeLessThanOrEqual(3 * BACKLOG);
    } finally {
      await old.query('rollback');
      for (const each of [client, old]) each.release();
      await pool.end();
      await database.drop();
    }
  });
});
