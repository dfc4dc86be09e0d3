import type { Request, RequestHandler, Response } from 'express';
import { bodyBytes } from '../http/body';
import { callerOf } from '../http/caller';
import { idempotencyKeyOf, traceparentOf } from '../http/context';
import { HttpProblem } from '../http/problem';
import { sendJson } from '../http/send';
import { parseJsonBody } from '../json/body';
import { suspended } from '../auth/authenticate';
import type { Caller } from '../auth/authenticate';
import type { Inserted, NewEvent } from '../ports';
import type { IngestDeps } from './deps';
import { toNewEvent } from './event';
import type { GroupCommit } from './group-commit';

/** POST /v1/events: one event, committed together with whatever else arrived meanwhile. */
export function postEvent(deps: IngestDeps, commits: GroupCommit): RequestHandler {
  return async (request: Request, response: Response) => {
    const { tenant, ingest } = callerOf(response);
    const idempotencyKey = idempotencyKeyOf(request);
    const body = parseJsonBody(bodyBytes(request), 1);
    const event = toNewEvent(body.value, {
      tenant,
      payload: body.payload(0),
      idempotencyKey,
      traceparent: traceparentOf(request),
      isTopicAllowed: deps.isTopicAllowed,
      pointer: '',
    });
    await admit(deps, response, ingest, [event]);
    const inserted = await commits.submit(event);
    if (inserted.conflict) throw dedupeConflict([0], () => '/dedupeKey');
    if (inserted.refused !== null) throw storeRefusal(inserted.refused, '');
    sendJson(response, 202, { id: inserted.id, tenant, status: 'pending', duplicate: inserted.duplicate });
  };
}

/** Within the tenant's limits, or a 429. Only what could be stored counts: a mistake in an event costs no tokens. */
export function admit(
  deps: Pick<IngestDeps, 'limiter'>,
  response: Response,
  ingest: Caller['ingest'],
  events: readonly NewEvent[],
): Promise<void> | undefined {
  const [first] = events;
  const answer = first === undefined ? null : deps.limiter.admit(first.tenant, ingest, events.length);
  return answer?.then((headers) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  });
}

/** The answer to a dedupe key that was used for other content; at most 20 pointers. */
export function dedupeConflict(indexes: readonly number[], pointer: (index: number) => string): HttpProblem {
  return new HttpProblem(
    'dedupe_conflict',
    'This dedupe key belongs to an event with another topic, type, key, headers or payload; nothing was stored. Use a new key for a new event.',
    {
      errors: indexes.slice(0, 20).map((index) => ({ pointer: pointer(index), detail: 'was used for other content' })),
    },
  );
}

/** The answer when the store refused what the contract let pass, or suspended the tenant meanwhile. */
export function storeRefusal(refused: NonNullable<Inserted['refused']>, pointer: string): HttpProblem {
  if (refused.code === 'OB003') return suspended();
  return new HttpProblem('invalid_event', 'The event breaks a rule. Correct it as errors says.', {
    errors: [{ pointer, detail: refused.reason }],
  });
}
