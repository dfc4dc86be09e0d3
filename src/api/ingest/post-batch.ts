import type { Request, RequestHandler, Response } from 'express';
import { bodyBytes } from '../http/body';
import type { BodyForm } from '../http/body';
import { callerOf } from '../http/caller';
import { traceparentOf } from '../http/context';
import { HttpProblem } from '../http/problem';
import type { FieldError } from '../http/problem';
import { sendJson } from '../http/send';
import { parseJsonBody } from '../json/body';
import type { NewEvent } from '../ports';
import { announce } from './committed';
import type { IngestDeps } from './deps';
import { toNewEvent } from './event';
import { admit, dedupeConflict, storeRefusal } from './post-event';

interface Item {
  readonly value: unknown;
  readonly payload: Buffer | undefined;
}

const NEWLINE = 0x0a;

/** POST /v1/events/batch: a JSON array or NDJSON, all or nothing, in the order given. */
export function postBatch(deps: IngestDeps): RequestHandler {
  return async (request: Request, response: Response) => {
    const { tenant, ingest } = callerOf(response);
    if (request.headers['idempotency-key'] !== undefined) {
      throw new HttpProblem(
        'invalid_header',
        'A batch has no Idempotency-Key. Give each of its events a dedupeKey instead.',
      );
    }
    const form = response.locals['form'] as BodyForm;
    const bytes = bodyBytes(request);
    const items =
      form === 'ndjson' ? ndjsonItems(bytes, deps.limits.batchEvents) : arrayItems(bytes, deps.limits.batchEvents);
    if (items.length === 0) {
      throw new HttpProblem('invalid_body', 'The batch has no events. Send at least one.');
    }
    const events = toEvents(items, tenant, request, deps);
    await admit(deps, response, ingest, events);
    const inserted = await deps.events.insert(events, 'all');
    const conflicts = inserted.flatMap((result, index) => (result.conflict ? [index] : []));
    if (conflicts.length > 0) throw dedupeConflict(conflicts, (index) => `/${index}/dedupeKey`);
    const refusedAt = inserted.findIndex((result) => result.refused !== null);
    const refused = inserted[refusedAt]?.refused;
    if (refused != null) throw storeRefusal(refused, `/${refusedAt}`);
    announce(deps, events, inserted);
    const duplicates = inserted.filter((result) => result.duplicate).length;
    sendJson(response, 202, {
      accepted: inserted.length - duplicates,
      duplicates,
      ids: inserted.map((result) => result.id),
    });
  };
}

/** Validates all items before anything is stored, and reports the mistakes of several at once (at most 20). */
function toEvents(items: readonly Item[], tenant: string, request: Request, deps: IngestDeps): NewEvent[] {
  const traceparent = traceparentOf(request);
  const events: NewEvent[] = [];
  const errors: FieldError[] = [];
  let first: HttpProblem | null = null;
  for (const [index, item] of items.entries()) {
    try {
      const { isTopicAllowed } = deps;
      const { value, payload } = item;
      const pointer = `/${index}`;
      events.push(
        toNewEvent(value, { tenant, payload, idempotencyKey: undefined, traceparent, isTopicAllowed, pointer }),
      );
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      first ??= error;
      errors.push(...(error.errors ?? []));
      if (errors.length >= 20) break;
    }
  }
  if (first !== null) {
    throw new HttpProblem(first.code, `Nothing was stored. ${first.message}`, { errors: errors.slice(0, 20) });
  }
  return events;
}

function arrayItems(bytes: Buffer, limit: number): Item[] {
  const body = parseJsonBody(bytes, 2);
  if (!Array.isArray(body.value)) {
    throw new HttpProblem(
      'invalid_body',
      'The body is not an array. Send [event, …], or NDJSON with its own content type.',
    );
  }
  if (body.value.length > limit) throw tooMany(limit);
  return body.value.map((value: unknown, index) => ({ value, payload: body.payload(index) }));
}

/** One event per line; lines of blanks are skipped, as the format allows. */
function ndjsonItems(bytes: Buffer, limit: number): Item[] {
  const items: Item[] = [];
  let line = 0;
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    line += 1;
    if (!isBlank(bytes, start, end)) {
      if (items.length >= limit) throw tooMany(limit);
      const body = parseJsonBody(bytes.subarray(start, end), 1, ` in line ${line}`);
      items.push({ value: body.value, payload: body.payload(0) });
    }
    start = end + 1;
  }
  return items;
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function tooMany(limit: number): HttpProblem {
  return new HttpProblem('batch_too_large', `The batch has more than ${limit} events. Split it.`);
}
