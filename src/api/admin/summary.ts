import { z } from 'zod';
import { summarizeAll, summarizeTenants } from '../../postgres/event-summary';
import type { TenantSummary } from '../../postgres/event-summary';
import type { AdminContext } from './context';
import { moment, nextCursor, page, tenantName } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { route } from './route';
import type { AdminRoute } from './route';

const tenantCounts = z.strictObject({
  tenant_id: z.string(),
  pending_count: z.number(),
  published_count: z.number(),
  /** The roadmap's word for published. */
  sent_count: z.number(),
  failed_count: z.number(),
  skipped_count: z.number(),
  total_count: z.number(),
  exact: z.boolean(),
  oldest_pending_at: moment,
});

export function summaryRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'summarizeOutbox',
    method: 'get',
    path: '/admin/outbox/summary',
    summary: 'Counts by status for each tenant and for all. Counts stop at 10,000; "exact" says whether any did',
    scope: 'read',
    reach: 'own',
    query: z.strictObject({ tenant: tenantName.optional(), ...page }),
    answer: z.strictObject({
      tenants: z.array(tenantCounts),
      total_tenants: z.number(),
      total_pending: z.number(),
      total_published: z.number(),
      total_sent: z.number(),
      total_failed: z.number(),
      total_skipped: z.number(),
      exact: z.boolean(),
      next: nextCursor,
    }),
    async handle({ query, tenant }) {
      const limit = query.limit ?? 50;
      const [after = ''] = decodeCursor(z.tuple([tenantName]), query.cursor) ?? [];
      const tenants = await summarizeTenants(context.pool, { tenant, after, limit });
      // A key of one tenant learns nothing about the sum of all.
      const own = tenants[0] ?? { pending: 0, published: 0, failed: 0, skipped: 0, exact: true };
      const all = tenant === null ? await summarizeAll(context.pool) : { ...own, tenants: tenants.length };
      const last = tenants.length < limit ? undefined : tenants.at(-1);
      return {
        tenants: tenants.map(toCounts),
        total_tenants: all.tenants,
        total_pending: all.pending,
        total_published: all.published,
        total_sent: all.published,
        total_failed: all.failed,
        total_skipped: all.skipped,
        exact: all.exact,
        next: last === undefined ? null : encodeCursor([last.tenant]),
      };
    },
  });
}

function toCounts(row: TenantSummary): z.input<typeof tenantCounts> {
  return {
    tenant_id: row.tenant,
    pending_count: row.pending,
    published_count: row.published,
    sent_count: row.published,
    failed_count: row.failed,
    skipped_count: row.skipped,
    total_count: row.total,
    exact: row.exact,
    oldest_pending_at: row.oldestPendingAt?.toISOString() ?? null,
  };
}
