import { listOf, note, visible } from './output';
import { EXIT } from './run';

/** Names on stderr what a change over several events did not take, and makes the exit code say so. */
export function printRefused(answer: Record<string, unknown>): void {
  const refused = listOf(answer, 'refused');
  for (const { event_id: id, code } of refused) note(visible(`refused: event ${String(id)}: ${String(code)}`));
  const missing = answer['not_found'];
  const notFound = Array.isArray(missing) ? missing : [];
  for (const id of notFound) note(visible(`not found: event ${String(id)}`));
  if (refused.length + notFound.length > 0) process.exitCode = EXIT.failed;
}
