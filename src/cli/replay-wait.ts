import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminClient } from './admin-client';
import { path } from './pages';
import { isOver, progressOutput, replayStatusOf } from './replay-progress';
import { Failure } from './run';

const INTERVAL_MS = 1_000;

/**
 * Waits until a replay is over and returns its last state. Progress goes to stderr. Ctrl-C ends the waiting, not the replay. Throws
 * a Failure if it was cancelled or events of it failed: a script must not take that for done.
 */
export async function waitForReplay(client: AdminClient, tenant: string, replayId: string): Promise<unknown> {
  const output = progressOutput(process.stderr);
  try {
    for (;;) {
      const answer = await client.request('GET', path`/admin/replays/${tenant}/${replayId}`);
      const status = replayStatusOf(answer);
      output.show(status);
      if (isOver(status)) return answer;
      await sleep(INTERVAL_MS);
    }
  } finally {
    output.end();
  }
}

/** Throws if a replay that is over did not publish everything. */
export function requireSuccess(answer: unknown): void {
  const { replayId, state, failed } = replayStatusOf(answer);
  if (state !== 'done') throw new Failure(`Replay ${replayId} was cancelled. Start another if it is still wanted.`);
  if (failed > 0) {
    throw new Failure(
      `${failed} events of replay ${replayId} could not be published again. outbox.replay_events says why: mend that, and replay them under another id.`,
    );
  }
}
