import type { BenchServers } from '../harness/servers';
import { PAYLOAD_BYTES } from '../load/events';

/** Rows of one insert: small enough that a checkpoint in between does not stop it for long. */
const CHUNK = 250_000;

/**
 * Fills the table with published events of `tenant` until it holds `total` of them, as a busy week leaves them: keys, headers
 * and payloads of the size that the drains have, each with a place in Kafka. Vacuumed and analysed, as autovacuum would.
 */
export async function fillHistory(servers: BenchServers, tenant: string, total: number): Promise<void> {
  const [row] = await servers.installation.query<{ stored: number }>(
    'select count(*)::int as stored from outbox.events where tenant_id = $1',
    [tenant],
  );
  for (let stored = row?.stored ?? 0; stored < total; stored += CHUNK) {
    await servers.installation.query(
      `insert into outbox.events (tenant_id, dedupe_key, topic, event_type, ordering_key, content_type, payload, status,
                                  topic_partition, topic_offset, batch_relay, batch_seq, published_at)
       select $1, 'history-' || n, $5, 'order.created', 'order-' || n % 1000, 'application/json',
              convert_to('{"order":' || n || ',"text":"' || repeat(md5(n::text), 9), 'UTF8'), 'published',
              n % 6, n, 0, n / 1000 + 1, clock_timestamp()
       from generate_series($2::bigint + 1, $2::bigint + least($3::bigint, $4::bigint - $2)) n`,
      [tenant, stored, CHUNK, total, `history-of-${PAYLOAD_BYTES}-bytes`],
    );
  }
  await servers.installation.query('vacuum (analyze) outbox.events');
}
