import type { z } from 'zod';
import { EVENT_LIMITS } from '../../domain/event';
import { HttpProblem } from '../http/problem';
import type { FieldError } from '../http/problem';
import type { NewEvent } from '../ports';
import { eventContract } from './contract';
import type { EventBody } from './contract';

/** What surrounds the body of one event. */
export interface EventContext {
  readonly tenant: string;
  /** Exact bytes of the `payload` field, undefined when there is none. */
  readonly payload: Buffer | undefined;
  /** The Idempotency-Key header. */
  readonly idempotencyKey: string | undefined;
  /** A valid traceparent of the request. */
  readonly traceparent: string | undefined;
  readonly isTopicAllowed: (topic: string) => boolean;
  /** JSON pointer of the event in the body: '' or '/7'. */
  readonly pointer: string;
}

/** Builds the event from its parsed body. Throws an HttpProblem that names every field that is wrong. */
export function toNewEvent(value: unknown, context: EventContext): NewEvent {
  const result = eventContract.safeParse(value);
  if (!result.success) {
    throw new HttpProblem('invalid_event', 'The event breaks the contract. Correct the fields listed in errors.', {
      errors: fieldErrors(result.error, context.pointer),
    });
  }
  const body = result.data;
  if (!context.isTopicAllowed(body.topic)) {
    throw new HttpProblem(
      'topic_not_allowed',
      `Topic ${body.topic} may not be used for events. Use another one, or ask the operator to allow it in OUTBOX_TOPIC_ALLOW.`,
      { errors: [{ pointer: `${context.pointer}/topic`, detail: 'is not allowed' }] },
    );
  }
  const content = contentOf(body, context);
  return {
    tenant: context.tenant,
    topic: body.topic,
    type: body.type,
    key: body.key ?? null,
    dedupeKey: dedupeKeyOf(body, context),
    headers: headersOf(body, context.traceparent),
    payload: content.payload,
    contentType: content.contentType,
  };
}

function contentOf(body: EventBody, context: EventContext): { payload: Buffer | null; contentType: string | null } {
  const forms = [context.payload !== undefined, body.payloadBase64 !== undefined, body.tombstone !== undefined];
  if (forms.filter(Boolean).length !== 1) {
    const detail = 'must have exactly one of payload, payloadBase64 and tombstone';
    throw invalid(context.pointer, detail, `The event ${detail}. Add the missing one or remove the others.`);
  }
  if (body.tombstone === true) {
    if (body.contentType === undefined) return { payload: null, contentType: null };
    const detail = 'must be absent for a tombstone, which has no content';
    throw invalid(`${context.pointer}/contentType`, detail, `contentType ${detail}. Remove it.`);
  }
  const payload = context.payload ?? decodeBase64(body.payloadBase64 ?? '', context.pointer);
  if (payload.length > EVENT_LIMITS.payloadBytes) {
    throw new HttpProblem(
      'payload_too_large',
      `The payload has ${payload.length} bytes, more than the ${EVENT_LIMITS.payloadBytes} that fit a Kafka message. Store it elsewhere and send a reference.`,
      {
        errors: [
          {
            pointer: `${context.pointer}/payload${context.payload === undefined ? 'Base64' : ''}`,
            detail: 'is too large',
          },
        ],
      },
    );
  }
  const fallback = context.payload === undefined ? 'application/octet-stream' : 'application/json';
  return { payload, contentType: body.contentType ?? fallback };
}

/** Canonical base64 only: Node's decoder skips whatever it does not know, which would change the bytes silently. */
function decodeBase64(text: string, pointer: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text) return bytes;
  const detail = 'must be base64 with padding, in the standard alphabet, without line breaks';
  throw invalid(`${pointer}/payloadBase64`, detail, `payloadBase64 ${detail}. Encode the bytes again.`);
}

function dedupeKeyOf(body: EventBody, context: EventContext): string | null {
  const { idempotencyKey } = context;
  if (body.dedupeKey !== undefined && idempotencyKey !== undefined && body.dedupeKey !== idempotencyKey) {
    throw new HttpProblem(
      'dedupe_key_mismatch',
      'The Idempotency-Key header and dedupeKey name different events. Send one of them, or the same value in both.',
      { errors: [{ pointer: `${context.pointer}/dedupeKey`, detail: 'differs from the Idempotency-Key header' }] },
    );
  }
  return body.dedupeKey ?? idempotencyKey ?? null;
}

function headersOf(body: EventBody, traceparent: string | undefined): Readonly<Record<string, string>> | null {
  const own = body.headers;
  if (traceparent === undefined || (own !== undefined && hasTraceparent(own))) return own ?? null;
  if (own !== undefined && Object.keys(own).length >= EVENT_LIMITS.headerCount) return own;
  return { ...own, traceparent };
}

function hasTraceparent(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === 'traceparent');
}

function invalid(pointer: string, detail: string, message: string): HttpProblem {
  return new HttpProblem('invalid_event', message, { errors: [{ pointer, detail }] });
}

/** zod's issues as JSON pointers; at most 20, so that 100,000 unknown fields do not make an answer of megabytes. */
export function fieldErrors(error: z.ZodError, base: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of error.issues) {
    const at = `${base}${issue.path.map((part) => `/${escapePointer(String(part))}`).join('')}`;
    if (issue.code === 'unrecognized_keys') {
      const known = issue.keys.slice(0, 20);
      errors.push(
        ...known.map((key) => ({ pointer: `${at}/${escapePointer(key)}`, detail: 'is not a known field; remove it' })),
      );
    } else {
      errors.push({ pointer: at, detail: issue.message });
    }
    if (errors.length >= 20) break;
  }
  return errors.slice(0, 20);
}

function escapePointer(part: string): string {
  return part.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
