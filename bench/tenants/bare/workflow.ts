import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';

const { empty } = proxyActivities<{ empty(workflowId: string): Promise<void> }>({
  startToCloseTimeout: '1m',
  retry: { maximumAttempts: 1 },
});

/** The least that a wake can be: sleeps until it is signalled, runs one activity that does nothing, and sleeps again. */
export async function bare(): Promise<void> {
  let woken = false;
  setHandler(defineSignal('wake'), () => void (woken = true));
  for (;;) {
    await condition(() => woken);
    woken = false;
    await empty(workflowInfo().workflowId);
  }
}
