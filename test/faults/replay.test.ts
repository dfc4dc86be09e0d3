import { killWhileReplaying } from '../support/kill-while-replaying';

describe('kill -9 of a relay while replays run beside live traffic', () => {
  it(
    'each event is published once, and once more for each replay',
    () =>
      killWhileReplaying('replay', [
        ['relay_after_claim', 3],
        ['relay_added', 3],
        ['relay_sent', 3],
        ['relay_committed', 3],
        ['relay_before_settle', 3],
        // What the one before has left in the ledger is settled by its take-over.
        ['relay_after_chunk', 1],
        ['relay_after_settle', 3],
      ]),
    300_000,
  );
});
