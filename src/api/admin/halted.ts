import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import { errorMessage } from '../../domain/errors';
import { HALT_CHOICES } from '../../domain/halt';
import { haltedPublishers } from '../../postgres/halted';
import type { HaltedPublisher } from '../../postgres/halted';
import { listRelays } from '../../postgres/relay/relay-list';
import type { AdminContext } from './context';
import { command } from './context';
import { moment, nextCursor, page, tenantName, tenantParams, why } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { relayBody, toRelayBody } from './relays';
import { route } from './route';
import type { AdminRoute } from './route';

const haltedBody = z.strictObject({
  tenant_id: z.string(),
  destination: z.string(),
  shard: z.number(),
  why: z.string().nullable(),
  since: moment,
  refused: z.string().nullable().meta({ description: 'the way out that was chosen last, and why it was not possible' }),
  postgres: z.strictObject({
    recorded: z.string(),
    settled: z.string(),
    settled_at: moment,
    settled_batch_id: z.string().nullable().meta({ description: 'null if its row is gone by retention' }),
    fence: z.string(),
    batches: z
      .array(
        z.strictObject({
          seq: z.string(),
          batch_id: z.string(),
          events: z.number(),
          recorded_at: moment,
          settled_at: moment,
        }),
      )
      .meta({ description: 'recorded and not settled' }),
  }),
  kafka: z
    .strictObject({ seq: z.string(), batch_id: z.string() })
    .nullable()
    .meta({ description: 'the ledger; null = Kafka has none, or see kafka_reason' }),
  kafka_reason: z.string().nullable().meta({ description: 'why the ledger could not be read' }),
});

/** Each takes a request to Kafka. More halted at once have one cause, which a few show as well. */
const LEDGERS_SHOWN = 50;

/** Publishers whose row and ledger contradict each other, and the ways out. Nothing is ever chosen for an operator. */
export function haltedRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listHalted',
      method: 'get',
      path: '/admin/halted',
      summary: `Both sides of each halted publisher, by tenant; ledgers of the first ${LEDGERS_SHOWN} of a page`,
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({
        halted: z.array(haltedBody),
        relays: z.array(relayBody).meta({ description: 'halted relays, on the first page of all tenants' }),
        next: nextCursor,
      }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const [after] = decodeCursor(z.tuple([tenantName]), query.cursor) ?? [''];
        const rows = await haltedPublishers(context.pool, tenant, { after, limit });
        // A page has up to so many tenants, each with all of its publishers.
        const last = new Set(rows.map((row) => row.tenant)).size < limit ? undefined : rows.at(-1);
        const halted = rows.map(async (row, index) => ({
          ...toBody(row),
          ...(await ledgerSide(context, row, index < LEDGERS_SHOWN)),
        }));
        const relays =
          tenant === null && query.cursor === undefined ? await listRelays(context.pool, { halted: true }) : [];
        return {
          halted: await Promise.all(halted),
          relays: relays.map(toRelayBody),
          next: last === undefined ? null : encodeCursor([last.tenant]),
        };
      },
    }),
    route({
      id: 'endHalt',
      method: 'post',
      path: '/admin/halted/{tenant}',
      summary:
        'recheck: compare again. adopt: Kafka is right. resend: Postgres is right, doubles possible. The last two are carried out by a worker: the list says when they are done, or why not',
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: z.strictObject({ choice: z.enum(HALT_CHOICES), why }),
      answer: z.strictObject({ tenant_id: z.string(), choice: z.enum(HALT_CHOICES), accepted: z.literal(true) }),
      async handle({ params, body, caller }) {
        const { tenant } = params;
        const { choice } = body;
        await command(context, {
          tenant,
          by: caller.by,
          why: body.why,
          action: `halt.${choice}`,
          update: 'unhalt',
          args: { choice },
          part: ({ halted }) => halted,
        });
        return { tenant_id: tenant, choice, accepted: true as const };
      },
    }),
  ];
}

function toBody(row: HaltedPublisher): Omit<z.input<typeof haltedBody>, 'kafka' | 'kafka_reason'> {
  return {
    tenant_id: row.tenant,
    destination: row.destination,
    shard: row.shard,
    why: row.why,
    since: isoOf(row.since),
    refused: row.refused,
    postgres: {
      recorded: String(row.recorded),
      settled: String(row.settled),
      settled_at: isoOf(row.settledAt),
      settled_batch_id: row.settledBatchId,
      fence: row.fence,
      batches: row.unsettled.map(({ seq, batchId, events, recordedAt }) => ({
        seq: String(seq),
        batch_id: batchId,
        events,
        recorded_at: isoOf(recordedAt),
        settled_at: null,
      })),
    },
  };
}

/** Postgres' side is worth an answer also while Kafka is down: then it says why the other is missing. */
async function ledgerSide(
  context: AdminContext,
  row: HaltedPublisher,
  shown: boolean,
): Promise<Pick<z.input<typeof haltedBody>, 'kafka' | 'kafka_reason'>> {
  if (!shown)
    return {
      kafka: null,
      kafka_reason: 'Too many are halted to show every ledger. Ask for one tenant, or for smaller pages.',
    };
  try {
    const { tenant, destination, shard } = row;
    const ledger = await context.ledger({ tenant, destination, shard });
    return {
      kafka: ledger === null ? null : { seq: String(ledger.seq), batch_id: ledger.batchId },
      kafka_reason: null,
    };
  } catch (error) {
    return { kafka: null, kafka_reason: errorMessage(error) };
  }
}
