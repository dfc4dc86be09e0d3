import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import { RELAY_WAYS, waysOutOf } from '../../domain/relay/ledger-halt';
import { listRelays } from '../../postgres/relay/relay-list';
import type { ListedRelay } from '../../postgres/relay/relay-list';
import type { AdminContext } from './context';
import { moment } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

export const relayBody = z.strictObject({
  relay: z.number(),
  holder: z.string().nullable().meta({ description: 'the worker that has it; null = nobody' }),
  lease_until: moment,
  fence: z.string(),
  attached: z.number().meta({ description: 'publishers' }),
  recovered: z
    .boolean()
    .meta({ description: 'taken over on this Postgres server; no publisher is attached anywhere while one is not' }),
  recovered_on: z.string().nullable(),
  ledger: z
    .strictObject({ offset: z.string(), kind: z.string(), seq: z.string(), fence: z.string() })
    .meta({ description: 'up to where its partition of the ledger is settled, and which record that is' }),
  moved_at: moment.meta({ description: 'when that moved last: with a batch or a barrier' }),
  halted: z
    .strictObject({
      why: z.string(),
      since: z.string(),
      reason: z.string(),
      postgres: z.string(),
      kafka: z.string(),
      ways: z.array(z.enum(RELAY_WAYS)).meta({ description: 'what may be chosen at POST /admin/relays/halted' }),
    })
    .nullable()
    .meta({ description: 'both sides: what Postgres remembers, and what Kafka has' }),
  strangers: z.number().meta({ description: 'events that the ledger names and this database does not have' }),
  unsettled: z.number().meta({ description: 'events that were sent and could not be marked yet' }),
});

export function relayRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'listRelays',
    method: 'get',
    path: '/admin/relays',
    summary: 'Every relay: who has it, what is attached to it, and how far its ledger is settled',
    scope: 'read',
    reach: 'all',
    answer: z.strictObject({ relays: z.array(relayBody) }),
    async handle() {
      return { relays: (await listRelays(context.pool)).map(toRelayBody) };
    },
  });
}

export function toRelayBody(relay: ListedRelay): z.input<typeof relayBody> {
  const { offset, kind, seq, fence } = relay.ledger;
  return {
    relay: relay.relay,
    holder: relay.holder,
    lease_until: isoOf(relay.leaseUntil),
    fence: String(relay.fence),
    attached: relay.attached,
    recovered: relay.recovered,
    recovered_on: relay.recoveredOn,
    ledger: { offset: String(offset), kind, seq: String(seq), fence: String(fence) },
    moved_at: isoOf(relay.movedAt),
    halted: toHaltBody(relay.halted),
    strangers: relay.strangers,
    unsettled: relay.unsettled,
  };
}

function toHaltBody(halted: ListedRelay['halted']): z.input<typeof relayBody>['halted'] {
  if (halted === null) return null;
  const { why, since, reason, postgres, kafka } = halted;
  return { why, since, reason, postgres, kafka, ways: [...waysOutOf(reason)] };
}
