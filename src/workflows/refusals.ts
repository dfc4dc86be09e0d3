import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import { TurnMissed } from './in-turn';

/** Fails an update, and nothing but it. */
export function badCommand(wrong: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(wrong, 'BadCommand');
}

/** An update's validator: synchronous, for one that is not would be taken for a consent. */
export function validator(check: (command: unknown) => string | null): (command: unknown) => void {
  return (command) => {
    const wrong = check(command);
    if (wrong !== null) throw badCommand(wrong);
  };
}

/** Why a command failed whose activity was given up; anything else is a fault of the workflow and is thrown on. */
export function notAnswered(error: unknown): string {
  if (isCancellation(error)) throw error;
  if (error instanceof TurnMissed)
    return 'commands before it took too long, so it was not begun. Send it again in a minute';
  if (!(error instanceof ActivityFailure)) throw error;
  return 'Postgres did not carry the command out in time, and may have it. Look at the audit for it; if it is not there, check Postgres and send it again';
}
