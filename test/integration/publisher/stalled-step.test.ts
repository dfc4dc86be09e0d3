import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { temporalClient } from '../../../src/temporal/client';
import { STEP_LIMIT } from '../../../src/temporal/step-limit';
import { testServers } from '../../support/stack';

/** Longer than the limit that the SDK sets by itself (5 s). */
const STALL_MS = 6_000;

describe('a worker that was frozen in a step of a workflow', () => {
  it('goes on with the step', async () => {
    const { temporalAddress } = testServers();
    const taskQueue = `stalled-${process.pid}-${Date.now()}`;
    const connection = await NativeConnection.connect({ address: temporalAddress });
    try {
      const worker = await Worker.create({
        ...STEP_LIMIT,
        connection,
        taskQueue,
        workflowsPath: join(__dirname, '..', '..', 'support', 'workflows', 'stalled.ts'),
      });
      const { workflow } = temporalClient({ address: temporalAddress, namespace: 'default' });
      const result = worker.runUntil(
        workflow.execute('stalled', {
          taskQueue,
          workflowId: taskQueue,
          args: [STALL_MS],
          workflowTaskTimeout: '1m',
          workflowExecutionTimeout: '2m',
        }),
      );
      expect(await result).toBe('went on');
    } finally {
      await connection.close();
    }
  }, 180_000);
});
