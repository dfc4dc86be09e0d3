import { killWhileReplaying } from '../support/kill-while-replaying';

describe('kill -9 while replays run beside live traffic', () => {
  it(
    'each event is published once, and once more for each replay',
    () =>
      killWhileReplaying('replay', [
        ['after_record', 3],
        ['mid_send', 3],
        ['before_commit', 3],
        ['after_kafka_commit', 3],
        ['before_settle', 3],
        ['after_settle', 3],
      ]),
    240_000,
  );
});
