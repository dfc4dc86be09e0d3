import { z } from 'zod';
import { heldKeys } from '../../postgres/held-keys';
import { undelivered } from '../../postgres/undelivered';
import type { AdminContext } from './context';
import { count, moment, nextCursor, page, tenantName } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { refContract } from './publishers';
import { route } from './route';
import type { AdminRoute } from './route';

/** Of a cursor: a NUL would be an error of Postgres. */
const key = z
  .string()
  .min(1)
  .max(1_024)
  .refine((text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text), 'has text that cannot be stored');

const reasonBody = z.strictObject({
  reason: z.string(),
  error_code: z.string().nullable(),
  topic: z.string(),
  count: z.number(),
  exact: z.boolean(),
  oldest_at: moment,
});
const heldBody = z.strictObject({
  tenant_id: z.string(),
  key: z.string(),
  parked_event_id: z.string(),
  error_code: z.string().nullable(),
  since: moment,
  waiting: count,
});

/** Why accepted events are not published. */
export function undeliveredRoutes({ pool }: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listUndelivered',
      method: 'get',
      path: '/admin/outbox/undelivered',
      summary: 'Events that are not published, by tenant and reason; counts stop at 10,000 for each',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({
        tenants: z.array(z.strictObject({ tenant_id: z.string(), reasons: z.array(reasonBody) })),
        next: nextCursor,
      }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const [after] = decodeCursor(z.tuple([tenantName]), query.cursor) ?? [''];
        const tenants = await undelivered(pool, tenant ?? undefined, { after, limit });
        const last = tenants.length < limit ? undefined : tenants.at(-1);
        return {
          tenants: tenants.map((one) => ({
            tenant_id: one.tenant,
            reasons: one.reasons.map(({ reason, errorCode, topic, count: events, exact, oldestAt }) => ({
              reason,
              error_code: errorCode,
              topic,
              count: events,
              exact,
              oldest_at: oldestAt,
            })),
          })),
          next: last === undefined ? null : encodeCursor([last.tenant]),
        };
      },
    }),
    route({
      id: 'listHeldKeys',
      method: 'get',
      path: '/admin/outbox/held',
      summary: 'Keys whose later events wait behind a parked one',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({ keys: z.array(heldBody), next: nextCursor }),
      async handle({ query, tenant }) {
        const position = decodeCursor(z.tuple([...refContract.def.items, key]), query.cursor);
        const after =
          position === null
            ? null
            : { tenant: position[0], destination: position[1], shard: position[2], key: position[3] };
        const found = await heldKeys(pool, { after, limit: query.limit ?? 50, ...(tenant === null ? {} : { tenant }) });
        const { next } = found;
        return {
          keys: found.keys.map((held) => ({
            tenant_id: held.tenant,
            key: held.key,
            parked_event_id: held.parkedEventId,
            error_code: held.errorCode,
            since: held.since,
            waiting: held.waiting,
          })),
          next: next === null ? null : encodeCursor([next.tenant, next.destination, next.shard, next.key]),
        };
      },
    }),
  ];
}
