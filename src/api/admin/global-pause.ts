import { z } from 'zod';
import type { PoolClient } from 'pg';
import { audited } from '../../postgres/audit';
import type { AuditEntry } from '../../postgres/audit';
import { pauseAll, readGlobalPause, resumeAll, runningPublishers } from '../../postgres/global-pause';
import type { GlobalPause } from '../../postgres/global-pause';
import type { AdminContext } from './context';
import { isoOf } from './context';
import { moment, timestamp, why, whyBody } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const pauseBody = z.strictObject({
  paused: z.strictObject({ by: z.string(), why: z.string(), since: moment, until: moment }).nullable(),
  running: z
    .number()
    .meta({ description: 'publishers still at work or with a batch in doubt; a pause is complete at 0' }),
});

/** One row that every drain, wake and the sweep read: at once in force for ten thousand tenants, also while Temporal is down. */
export function globalPauseRoutes(context: AdminContext): AdminRoute[] {
  const { pool } = context;
  const answer = async (): Promise<z.input<typeof pauseBody>> => ({
    paused: toBody(await readGlobalPause(pool)),
    running: await runningPublishers(pool),
  });
  const change = async (
    entry: Omit<AuditEntry, 'tenant' | 'before' | 'after'>,
    work: (client: PoolClient) => Promise<unknown>,
  ): Promise<z.input<typeof pauseBody>> => {
    await audited(pool, async (client) => {
      const before = toBody(await readGlobalPause(client));
      await work(client);
      return { result: null, entry: { ...entry, tenant: null, before, after: toBody(await readGlobalPause(client)) } };
    });
    return answer();
  };
  return [
    route({
      id: 'getPause',
      method: 'get',
      path: '/admin/pause',
      summary: 'Whether all publishing is paused, and whether any publisher is still at work',
      scope: 'read',
      reach: 'all',
      answer: pauseBody,
      handle: answer,
    }),
    route({
      id: 'pauseAll',
      method: 'post',
      path: '/admin/pause',
      summary: 'Stop all publishing, until a time or until resumed; events are accepted as before',
      scope: 'operate',
      reach: 'all',
      body: z.strictObject({ why, until: timestamp.optional() }),
      answer: pauseBody,
      handle: ({ body, caller }) =>
        change({ actor: caller.by, action: 'all.pause', why: body.why }, (client) =>
          pauseAll(client, {
            by: caller.by,
            why: body.why,
            until: body.until === undefined ? null : Date.parse(body.until),
          }),
        ),
    }),
    route({
      id: 'resumeAll',
      method: 'post',
      path: '/admin/resume',
      summary: 'Publish again; tenants that are paused by themselves stay so',
      scope: 'operate',
      reach: 'all',
      body: whyBody,
      answer: pauseBody,
      handle: ({ body, caller }) => change({ actor: caller.by, action: 'all.resume', why: body.why }, resumeAll),
    }),
  ];
}

function toBody(pause: GlobalPause | null): z.input<typeof pauseBody>['paused'] {
  if (pause === null) return null;
  return { by: pause.by, why: pause.why, since: isoOf(pause.since), until: isoOf(pause.until) };
}
