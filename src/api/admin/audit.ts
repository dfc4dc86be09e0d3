import { z } from 'zod';
import { listAudit } from '../../postgres/audit';
import type { AdminContext } from './context';
import { idParam, nextCursor, page, tenantName } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { route } from './route';
import type { AdminRoute } from './route';

const entryBody = z.strictObject({
  id: z.string(),
  at: z.string(),
  actor: z.string(),
  action: z.string(),
  tenant_id: z.string().nullable(),
  subject: z.string().nullable(),
  why: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
});

export function auditRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'listAudit',
    method: 'get',
    path: '/admin/audit',
    summary: 'Who changed what, and why; newest first',
    scope: 'read',
    reach: 'own',
    query: z.strictObject({
      tenant: tenantName.optional(),
      action: z
        .string()
        .regex(/^[a-z_]{1,40}\.[a-z_]{1,40}$/, 'must be an action such as circuit.open')
        .optional(),
      ...page,
    }),
    answer: z.strictObject({ entries: z.array(entryBody), next: nextCursor }),
    async handle({ query, tenant }) {
      const limit = query.limit ?? 50;
      const [before = null] = decodeCursor(z.tuple([idParam]), query.cursor) ?? [];
      const entries = await listAudit(context.pool, { tenant, action: query.action ?? null, before, limit });
      const last = entries.length < limit ? undefined : entries.at(-1);
      return {
        entries: entries.map((entry) => ({
          id: entry.id,
          at: entry.at.toISOString(),
          actor: entry.actor,
          action: entry.action,
          tenant_id: entry.tenant,
          subject: entry.subject,
          why: entry.why,
          before: entry.before,
          after: entry.after,
        })),
        next: last === undefined ? null : encodeCursor([last.id]),
      };
    },
  });
}
