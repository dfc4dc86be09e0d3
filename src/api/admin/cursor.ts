import type { z } from 'zod';
import { HttpProblem } from '../http/problem';

/** Where a list goes on, as text that clients pass back and never read. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** The position of a cursor, null without one. A made-up or foreign cursor is refused: every part is checked. */
export function decodeCursor<T>(contract: z.ZodType<T>, cursor: string | undefined): T | null {
  if (cursor === undefined) return null;
  try {
    const result = contract.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    if (result.success) return result.data;
  } catch {
    // Not JSON: as wrong as one that breaks the contract.
  }
  throw new HttpProblem(
    'invalid_parameter',
    'The cursor is not one of this list. Pass "next" of its last answer as it is.',
  );
}
