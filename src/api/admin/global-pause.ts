import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import type { GlobalPauseNow } from '../../domain/global-pause';
import { orderEverything, readEverything } from '../../postgres/global-pause-orders';
import type { AdminContext } from './context';
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
  return [
    route({
      id: 'getPause',
      method: 'get',
      path: '/admin/pause',
      summary: 'Whether all publishing is paused, and whether any publisher is still at work',
      scope: 'read',
      reach: 'all',
      answer: pauseBody,
      handle: async () => toBody(await readEverything(pool)),
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
      async handle({ body: { why: reason, until }, caller: { by } }) {
        const end = until === undefined ? null : Date.parse(until);
        return toBody(await orderEverything(pool, { name: 'pause', by, why: reason, until: end }));
      },
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
      async handle({ body: { why: reason }, caller: { by } }) {
        return toBody(await orderEverything(pool, { name: 'resume', by, why: reason }));
      },
    }),
  ];
}

function toBody({ paused, running }: GlobalPauseNow): z.input<typeof pauseBody> {
  if (paused === null) return { paused, running };
  const { by, why: reason, since, until } = paused;
  return { paused: { by, why: reason, since: isoOf(since), until: isoOf(until) }, running };
}
