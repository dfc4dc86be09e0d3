import { errorMessage, isOutboxError } from '../domain/errors';
import { isBadData } from '../postgres/errors';

/**
 * Why a command can never be carried out. Throws on what may pass, which the activity tries again: Postgres is away, read-only in a
 * fail-over, or its schema is being migrated.
 */
export function refusedForGood(error: unknown): string {
  if (isOutboxError(error) && isBadData(error)) return errorMessage(error);
  throw error;
}
