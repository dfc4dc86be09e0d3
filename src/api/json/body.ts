import { isUtf8 } from 'node:buffer';
import { HttpProblem } from '../http/problem';
import { forbiddenText } from './forbidden-text';
import { scanJson } from './scan';
import type { Range } from './scan';

/** Levels of nesting in one event; more is no data but an attack on somebody's recursive parser. */
export const MAX_DEPTH = 32;

/** A parsed body and where the payload of each of its events stands in it. */
export interface JsonBody {
  readonly value: unknown;
  /** Exact bytes of the payload of event `index`; undefined when it has none. */
  payload(index: number): Buffer | undefined;
}

/**
 * Strict UTF-8, strict JSON, no byte-order mark, no NULs, no lone surrogates, no duplicate names, bounded depth.
 * Throws an HttpProblem. `eventDepth` 2 = an array of events. `where` names the line of an NDJSON body.
 */
export function parseJsonBody(bytes: Buffer, eventDepth: 1 | 2, where = ''): JsonBody {
  const text = decode(bytes, where);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8's message quotes the body, which is the tenant's data and may hold secrets: only the position is kept.
    const position = error instanceof Error ? (/at position (\d+)/.exec(error.message)?.[1] ?? null) : null;
    const at = position === null ? '' : ` at character ${position}`;
    throw new HttpProblem('malformed_json', `The body is not JSON${at}${where}. Send one complete JSON text in UTF-8.`);
  }
  const forbidden = forbiddenText(text);
  if (forbidden !== null) {
    throw new HttpProblem(
      'malformed_text',
      `The body has ${forbidden}${where}. Remove it, or send the bytes as payloadBase64.`,
    );
  }
  const scan = scanJson(text, { eventDepth, maxDepth: MAX_DEPTH + eventDepth - 1 });
  if (!scan.ok) {
    throw new HttpProblem(
      'malformed_json',
      `The body has ${scan.problem}${where}. Correct the JSON, or send it as payloadBase64.`,
    );
  }
  // In pure ASCII, characters are bytes: the slice then needs no second encoding.
  const ascii = text.length === bytes.length;
  const slice = ({ start, end }: Range): Buffer =>
    ascii ? bytes.subarray(start, end) : Buffer.from(text.slice(start, end), 'utf8');
  return {
    value,
    payload: (index) => {
      const range = scan.payloads[index];
      return range === undefined ? undefined : slice(range);
    },
  };
}

function decode(bytes: Buffer, where: string): string {
  if (!isUtf8(bytes)) {
    throw new HttpProblem(
      'malformed_text',
      `The body is not UTF-8${where}. Encode it as UTF-8, or send bytes as payloadBase64.`,
    );
  }
  const text = bytes.toString('utf8');
  if (text.charCodeAt(0) === 0xfeff) {
    throw new HttpProblem('malformed_text', `The body starts with a byte-order mark${where}. Send it without.`);
  }
  return text;
}
