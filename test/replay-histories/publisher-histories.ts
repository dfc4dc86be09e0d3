import { Publisher } from './publisher';
import type { Recorder } from './recorder';

/** One tenant for each thing that can happen to a publisher. */
export async function recordPublisherHistories(recorder: Recorder): Promise<void> {
  const { rig } = recorder;
  const names = await rig.tenants(6);
  const [normal, breaker, many, paused, quota, reset] = names.map((name) => new Publisher(recorder, name));
  if (!normal || !breaker || !many || !paused || !quota || !reset) throw new Error('too few tenants');
  for (const one of [normal, many, paused, quota, reset]) await one.createTopic();

  for (let i = 1; i <= 3; i += 1) await normal.publishMore(1);
  await normal.asleep();
  await recorder.save('publisher-normal', normal.id);

  await breaker.enqueue(1);
  await breaker.becomes('probed in vain', (state) => state.breaker.openings >= 2);
  const probing = await breaker.handle.describe();
  await breaker.handle.signal('openBreaker', { by: 'recorder', why: 'by hand as well' });
  await breaker.createTopic();
  await breaker.handle.signal('resetBreaker', { by: 'recorder' });
  await breaker.published(1);
  await breaker.asleep();
  await recorder.save('publisher-breaker', breaker.id, probing.runId);

  await many.publishMore(1);
  const { runId } = await many.handle.describe();
  while ((await many.handle.describe()).runId === runId) await many.publishMore(1);
  await many.publishMore(1);
  await many.asleep();
  await recorder.save('publisher-continue-as-new-1', many.id, runId);
  await recorder.save('publisher-continue-as-new-2', many.id);

  await paused.publishMore(1);
  await paused.handle.executeUpdate('pause', { args: [{ by: 'recorder', why: 'maintenance' }] });
  await paused.enqueue(2);
  await paused.handle.signal('pause', 'nonsense');
  await paused.handle.signal('never heard of it', 1);
  await paused.handle.signal('resume', { by: 'recorder' });
  await paused.published(3);
  await paused.handle.signal('pause', { by: 'recorder', why: 'for a second', until: Date.now() + 1_000 });
  await paused.becomes('resumed', (state) => state.paused === null);
  await paused.asleep();
  await recorder.save('publisher-pause', paused.id);

  await quota.publishMore(1);
  await quota.handle.executeUpdate('configure', {
    args: [{ by: 'recorder', quota: { ratePerSecond: 10, burst: 5 }, breaker: { threshold: 5 }, weight: 2 }],
  });
  await quota.enqueue(15);
  await quota.published(16);
  await quota.asleep();
  await recorder.save('publisher-quota', quota.id);

  await reset.publishMore(1);
  await reset.handle.executeUpdate('configure', { args: [{ by: 'recorder', weight: 2 }] });
  await reset.handle.signal('resume', { by: 'recorder' });
  await reset.publishMore(1);
  await reset.resetToFirstTask();
  await reset.publishMore(1);
  await reset.asleep();
  await recorder.save('publisher-reset', reset.id);
}

/** Orders that find a drain running and tell it to end. */
export async function recordOrderedHistory(recorder: Recorder): Promise<void> {
  const [name = ''] = await recorder.rig.tenants(1);
  const ordered = new Publisher(recorder, name);
  await ordered.createTopic();
  await ordered.enqueue(1);
  await ordered.published(1);
  await ordered.handle.executeUpdate('configure', { args: [{ by: 'recorder', weight: 2 }] });
  await ordered.becomes('drained anew', (state) => state.counters.drains === 2);
  await ordered.handle.executeUpdate('replay', {
    args: [{ replayId: 'none', by: 'recorder', why: 'nothing to replay', eventIds: [1] }],
  });
  await ordered.becomes('drained anew after a replay', (state) => state.counters.drains === 3);
  await ordered.handle.signal('pause', { by: 'recorder', why: 'maintenance' });
  await ordered.becomes('paused', (state) => state.paused !== null);
  await ordered.enqueue(1);
  await ordered.handle.signal('resume', { by: 'recorder' });
  await ordered.published(2);
  await recorder.save('publisher-ordered', ordered.id);
}
