import { writeAudit } from '../../postgres/audit';
import { setReplayState } from '../../postgres/replay-control';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { tenantParams, whyBody } from './contract';
import { replayId, statusBody, toStatus } from './replay-body';
import { route } from './route';
import type { AdminRoute } from './route';

export const replayParams = tenantParams.extend({ replay_id: replayId });

const CHANGES = [
  ['pause', 'paused', 'Take its copies out of the lane until resumed; the batch under way finishes'],
  ['resume', 'running', 'Go on where it was paused'],
  ['cancel', 'cancelled', 'End it for good; what is published stays published'],
] as const;

/** Each takes effect at once: copies that no relay has prepared are out of the lane when the answer comes. */
export function replayChangeRoutes(context: AdminContext): AdminRoute[] {
  return CHANGES.map(([verb, state, summary]) =>
    route({
      id: `${verb}Replay`,
      method: 'post',
      path: `/admin/replays/{tenant}/{replay_id}/${verb}`,
      summary,
      scope: 'replay',
      reach: 'tenant',
      params: replayParams,
      body: whyBody,
      answer: statusBody,
      async handle({ params, body, caller }) {
        const { tenant, replay_id: id } = params;
        const ordered = { by: caller.by, why: body.why };
        const entry = { actor: caller.by, action: `replay.${verb}`, tenant, subject: id, why: body.why };
        const change = { tenant, replayId: id, state, ...ordered };
        const done = await setReplayState(context.pool, change, (db, before, after) =>
          writeAudit(db, { ...entry, before: toStatus(before), after: toStatus(after) }),
        );
        if (done.kind === 'refused' && done.code === 'unknown') throw noReplay();
        if (done.kind === 'refused') throw new HttpProblem('conflict', 'The replay has ended. Plan another one.');
        return toStatus(done.replay);
      },
    }),
  );
}

export function noReplay(): HttpProblem {
  return new HttpProblem('not_found', 'The tenant has no such replay. List its replays to see their ids.');
}
