import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { storedHistories } from '../../replay-histories/stored';

/**
 * Every recorded history must replay with the workflow code of today: what would fail here would wedge publishers that are running
 * while it is deployed. See docs/operations.md for when to record more.
 */
describe('recorded histories', () => {
  const histories = storedHistories();

  it('cover what publishers and their companions go through', () => {
    expect(histories.map((history) => history.name)).toEqual(
      expect.arrayContaining([
        'publisher-breaker',
        'publisher-continue-as-new-1',
        'publisher-continue-as-new-2',
        'publisher-normal',
        'publisher-ordered',
        'publisher-pause',
        'publisher-quota',
        'publisher-reset',
        'replay-continue-as-new-1',
        'replay-continue-as-new-2',
        'replay-normal',
        'replay-pause-cancel',
        'replay-reset',
        'retention',
      ]),
    );
  });

  it('replay with the workflow code as it is', async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const logger = new DefaultLogger('ERROR');
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: join(__dirname, '../../../src/workflows'),
      logger,
    });
    const failures: string[] = [];
    let replayed = 0;
    const results = Worker.runReplayHistories(
      { workflowBundle },
      histories.map(({ workflowId, history }) => ({ workflowId, history })),
    );
    for await (const { workflowId, error } of results) {
      replayed += 1;
      if (error !== undefined) failures.push(`${workflowId}: ${error.message}`);
    }
    expect(failures).toEqual([]);
    expect(replayed).toBe(histories.length);
  });
});
