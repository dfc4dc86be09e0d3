import type { Request, RequestHandler, Response } from 'express';
import { callerOf } from '../http/caller';
import { HttpProblem } from '../http/problem';
import { sendJson } from '../http/send';
import type { StoredEvent } from '../ports';
import type { IngestDeps } from './deps';

const MAX_ID = 9_223_372_036_854_775_807n;

/** GET /v1/events/{id}: the caller's own events only; another tenant's id answers like one that never existed. */
export function getEvent(deps: Pick<IngestDeps, 'events'>): RequestHandler {
  return async (request: Request, response: Response) => {
    const { tenant } = callerOf(response);
    const id = String(request.params['id']);
    if (!/^[1-9]\d{0,18}$/.test(id) || BigInt(id) > MAX_ID) {
      throw new HttpProblem(
        'invalid_parameter',
        'An event id is a whole number in decimal digits. Use the id from the 202 answer.',
      );
    }
    const event = await deps.events.find(tenant, id);
    if (event === null || event.tenant !== tenant) {
      throw new HttpProblem(
        'not_found',
        `There is no event ${id}. Check the id; published events are removed after the retention.`,
      );
    }
    sendJson(response, 200, toBody(event));
  };
}

/** Field by field, so that a new column never becomes public by accident. */
function toBody(event: StoredEvent): Record<string, unknown> {
  return {
    id: event.id,
    tenant: event.tenant,
    topic: event.topic,
    type: event.type,
    key: event.key,
    dedupeKey: event.dedupeKey,
    status: event.status,
    acceptedAt: event.acceptedAt,
    publishedAt: event.publishedAt,
    batch: event.batch,
    partition: event.partition,
    offset: event.offset,
    error: event.error === null ? null : { code: event.error.code, reason: event.error.reason },
  };
}
