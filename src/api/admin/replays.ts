import { z } from 'zod';
import { writeAudit } from '../../postgres/audit';
import { startReplay } from '../../postgres/replay-control';
import { planReplay, tenantOfPlan } from '../../postgres/replay-plans';
import { listReplays, replayStatus } from '../../postgres/replays';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant, publisherOf } from './context';
import { moment, nextCursor, page, tenantName, why } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { planBody, replayId, replayRate, statusBody, toFilter, toStatus } from './replay-body';
import { noReplay, replayChangeRoutes, replayParams } from './replay-changes';
import { route } from './route';
import type { AdminRoute } from './route';

const sampled = z.strictObject({
  id: z.string(),
  topic: z.string(),
  type: z.string(),
  key: z.string().nullable(),
  status: z.string(),
  created_at: z.string(),
});

/** Replays as jobs: planned and counted first, then started with the count that was agreed to. */
export function replayRoutes(context: AdminContext): AdminRoute[] {
  return [planRoute(context), startRoute(context), ...lookRoutes(context), ...replayChangeRoutes(context)];
}

function planRoute({ pool, ...context }: AdminContext): AdminRoute {
  return route({
    id: 'planReplay',
    method: 'post',
    path: '/admin/replays/plan',
    summary: 'Count what a replay would publish again, and pin it for 15 minutes. Sends nothing',
    scope: 'replay',
    reach: 'tenant',
    body: planBody,
    answer: z.strictObject({
      plan_id: z.string(),
      tenant_id: z.string(),
      count: z.number(),
      sample: z.array(sampled),
      oldest: moment,
      newest: moment,
      snapshot: z.strictObject({ cut: z.string(), last_event_id: z.string() }),
      expires_at: z.string(),
    }),
    async handle({ body }) {
      await existingTenant({ pool, ...context }, body.tenant_id);
      const { event_ids: ids, filter } = body;
      const selection = filter === undefined ? { eventIds: [...new Set(ids)] } : { filter: toFilter(filter) };
      const plan = await planReplay(pool, publisherOf(body.tenant_id), selection);
      return {
        plan_id: plan.planId,
        tenant_id: body.tenant_id,
        count: plan.count,
        sample: plan.sample.map(({ acceptedAt, ...event }) => ({ ...event, created_at: acceptedAt })),
        oldest: plan.oldest,
        newest: plan.newest,
        snapshot: { cut: plan.snapshot.cut, last_event_id: plan.snapshot.lastEventId },
        expires_at: plan.expiresAt,
      };
    },
  });
}

function startRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'startReplay',
    method: 'post',
    path: '/admin/replays',
    summary:
      'Start a planned replay; 409 if its count is not the expected one. The same replay_id again changes nothing',
    scope: 'replay',
    reach: 'tenant',
    body: z.strictObject({
      tenant_id: tenantName.optional().meta({ description: "default: the plan's" }),
      replay_id: replayId,
      plan_id: z.guid(),
      expected_count: z.int().min(0),
      rate_per_second: replayRate,
      why,
    }),
    status: 202,
    answer: statusBody,
    async handle({ body, caller, tenant: named }) {
      const { replay_id: id, plan_id: planId, expected_count: expectedCount } = body;
      const tenant = named ?? (await tenantOfPlan(context.pool, planId));
      if (tenant === null) throw noPlan();
      const ordered = { by: caller.by, why: body.why };
      const ratePerSecond = body.rate_per_second ?? null;
      const start = { tenant, replayId: id, planId, expectedCount, ratePerSecond, ...ordered };
      const entry = { actor: caller.by, action: 'replay.start', tenant, subject: id, why: body.why };
      const done = await startReplay(context.pool, start, (db, started) =>
        writeAudit(db, { ...entry, after: toStatus(started) }),
      );
      if (done.kind === 'refused') throw refusedStart(done);
      return toStatus(done.replay);
    },
  });
}

function lookRoutes({ pool }: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listReplays',
      method: 'get',
      path: '/admin/replays',
      summary: 'Replays, newest first',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({ replays: z.array(statusBody), next: nextCursor }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const position = decodeCursor(z.tuple([tenantName, replayId]), query.cursor);
        const replays = await listReplays(pool, {
          limit,
          ...(tenant === null ? {} : { tenant }),
          ...(position === null ? {} : { after: { tenant: position[0], replayId: position[1] } }),
        });
        const last = replays.length < limit ? undefined : replays.at(-1);
        const next = last === undefined ? null : encodeCursor([last.tenant, last.replayId]);
        return { replays: replays.map(toStatus), next };
      },
    }),
    route({
      id: 'getReplay',
      method: 'get',
      path: '/admin/replays/{tenant}/{replay_id}',
      summary: 'How far a replay is',
      scope: 'read',
      reach: 'tenant',
      params: replayParams,
      answer: statusBody,
      async handle({ params }) {
        const replay = await replayStatus(pool, params.tenant, params.replay_id);
        if (replay === null) throw noReplay();
        return toStatus(replay);
      },
    }),
  ];
}

function refusedStart(refused: Extract<Awaited<ReturnType<typeof startReplay>>, { kind: 'refused' }>): HttpProblem {
  if ('planned' in refused) {
    return new HttpProblem(
      'conflict',
      `The plan counted ${refused.planned} events, there are ${refused.found} now. Plan it again and start with its count.`,
    );
  }
  if (refused.code === 'plan_expired') return new HttpProblem('conflict', 'The plan has expired. Plan it again.');
  return noPlan();
}

function noPlan(): HttpProblem {
  return new HttpProblem('not_found', 'There is no such plan of this tenant. Plan it again.');
}
