import { ApplicationFailure } from '@temporalio/workflow';

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
