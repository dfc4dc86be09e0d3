import { currentUpdateInfo, uuid4, workflowInfo } from '@temporalio/workflow';

/** The server takes ten updates of a workflow at a time; signals may come in any number. */
const MOST_WAITING = 20;

/** Twenty commands that each are given up after half a minute must not keep the publisher busy for ten. */
const LONGEST_WAIT_MS = 30_000;

/** The command was not begun. */
export class TurnMissed extends Error {}

/**
 * Carries out commands one after the other, as they came: a suspension and its end in another order would leave the tenant suspended.
 * Bounded, since each may carry a thousand ids.
 */
export class InTurn {
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** Null, or why no other command can be taken now. */
  get full(): string | null {
    return this.waiting >= MOST_WAITING
      ? 'too many commands are waiting to be carried out: try again in a second'
      : null;
  }

  /** Rejects with `TurnMissed` when the turn comes too late. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.waiting += 1;
    const latest = Date.now() + LONGEST_WAIT_MS;
    const turn = this.last.then(() => {
      if (Date.now() > latest) throw new TurnMissed();
      return work();
    });
    this.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting -= 1;
    }
  }
}

/**
 * Names a command over all attempts of its activity, to be asked for when its handler begins. An update keeps its id over a reset and
 * over continue-as-new, so that one that is applied again changes nothing; a signal has none, and is carried out again by a
 * reset that re-applies signals.
 */
export function commandIdOf(name: string): string {
  return `${workflowInfo().firstExecutionRunId}/${name}/${currentUpdateInfo()?.id ?? uuid4()}`;
}
