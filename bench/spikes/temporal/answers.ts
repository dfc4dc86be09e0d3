import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../harness/clock';
import { Driver, ended } from './driver';
import type { DevServer } from './dev-server';
import type { Address, SpikeInput } from './shapes';

/** What a completion answers, by what has become of its workflow; each ends with a wake that must come through. */
export async function answers(server: DevServer) {
  const driver = await Driver.connect(server, 'answers');
  const worker = await driver.worker();
  const found: Record<string, unknown> = {};
  const opened = async (id: string, input: Partial<SpikeInput> = {}): Promise<Address> => {
    driver.open.delete(id);
    await driver.wake(id, 'elsewhere', input);
    await poll(`${id} is open`, 20_000, 10, () => driver.open.has(id));
    return driver.open.get(id) ?? { workflowId: '', runId: '', activityId: '' };
  };
  const withoutRun = ({ workflowId, activityId }: Address) => ({ workflowId, activityId });
  /** A wake after all that, completed as it should be: true if the publisher lives. */
  const lives = async (id: string): Promise<string> => {
    const done = driver.done(id, 15_000);
    await driver.complete(await opened(id));
    return (await done).result;
  };
  const renewed = async (address: Address): Promise<void> => {
    const handle = driver.client.workflow.getHandle(address.workflowId);
    await handle.signal('renew');
    await poll('the run has continued', 20_000, 20, async () => (await handle.describe()).runId !== address.runId);
  };

  const done = driver.done('twice');
  const twice = await opened('twice');
  found['first'] = await answer(driver.complete(twice));
  found['first, heard'] = (await done).result;
  found['second of the same'] = await answer(driver.complete(twice));
  found['after: next wake'] = await lives('twice');

  const continued = await opened('continued');
  await renewed(continued);
  found['continued as new, with runId'] = await answer(driver.complete(continued));
  found['continued as new, without runId'] = await answer(driver.client.activity.complete(withoutRun(continued), {}));
  found['continued as new: next wake'] = await lives('continued');

  // The SDK's own names begin at 1 in each run: an address without runId then means another run's activity.
  const mixed = await opened('mixed', { ids: 'default' });
  await renewed(mixed);
  const wrongly = driver.done('mixed', 20_000);
  await opened('mixed');
  found['default names, old address without runId'] = await answer(
    driver.client.activity.complete(withoutRun(mixed), { published: -1 }),
  );
  found['default names: what the new run heard'] = await wrongly.then(({ result }) => result, String);

  const terminated = await opened('terminated');
  await driver.client.workflow.getHandle('terminated').terminate('spike');
  found['terminated, with runId'] = await answer(driver.complete(terminated));
  found['terminated: next wake'] = await lives('terminated');
  found['terminated and started again, old run'] = await answer(driver.complete(terminated));

  const cancelled = await opened('cancelled');
  const cancelHeard = driver.done('cancelled', 10_000);
  await driver.client.workflow.getHandle('cancelled').cancel();
  await delay(1_000);
  found['workflow cancelled (activity waits), completion'] = await answer(driver.complete(cancelled));
  found['workflow cancelled: heard'] = await cancelHeard.then(({ result }) => result, String);

  found['no such workflow'] = await answer(
    driver.client.activity.complete({ workflowId: 'none', activityId: '1' }, {}),
  );
  const wrong = await opened('wrong');
  found['no such activity'] = await answer(driver.complete({ ...wrong, activityId: 'x' }));
  found['no such run'] = await answer(driver.complete({ ...wrong, runId: '00000000-0000-4000-8000-000000000000' }));
  found['run id that is none'] = await answer(driver.complete({ ...wrong, runId: 'x' }));
  const largeHeard = driver.done('wrong', 10_000);
  found['outcome of 3 MB'] = await answer(driver.client.activity.complete(wrong, 'x'.repeat(3_000_000)));
  found['outcome of 3 MB: heard'] = await largeHeard.then(({ result }) => result, String);
  found['then a good one'] = await answer(driver.complete(wrong));
  await server.end('SIGKILL');
  found['server down, deadline of 2 s'] = await answer(
    driver.client.withDeadline(Date.now() + 2_000, () => driver.complete(wrong)),
  );
  await server.up();
  await ended(worker, 'SIGTERM');
  await driver.close();
  return found;
}

export async function answer(call: Promise<unknown>): Promise<string> {
  const start = Date.now();
  try {
    await call;
    return 'ok';
  } catch (error) {
    const took = Date.now() - start;
    const text = error instanceof Error ? `${error.constructor.name}: ${error.message.slice(0, 200)}` : String(error);
    return took > 500 ? `${text} (${took} ms)` : text;
  }
}
