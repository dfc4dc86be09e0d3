import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Worker } from '@temporalio/worker';
import { drainActivity } from '../activities/drain';
import { publisherRecordActivities } from '../activities/publisher-record';
import { replayActivities } from '../activities/replay';
import { retentionActivities } from '../activities/retention';
import type { Config } from '../config';
import { temporalClient, temporalNativeConnection } from '../temporal/client';
import { KnownSearchAttributes } from '../temporal/known-search-attributes';
import { findSearchAttributes, registerSearchAttributes } from '../temporal/search-attributes';
import { STEP_LIMIT } from '../temporal/step-limit';
import { Waker } from '../wake/waker';
import type { Foundation } from './foundation';
import { publisherObserver, replayObserver, retentionObserver, wakeObserver } from './observers';
import { startRelays } from './relays';
import { scheduleRetention } from './retention';
import { startSweep } from './sweep';
import { closeQuietly, collectGarbageEarlier, installRuntime, workflows } from './worker-process';

/** A grant that one drain can hardly use up in its time: quotas cut it, not this. */
const MAX_GRANT = 1_000_000;
/** A drain has a slot only until it is attached, which takes milliseconds unless its relay is being taken over. */
const ACTIVITY_SLOTS = 100;
const ACTIVITY_POLLERS = 3;
/**
 * After a kill the server offers a workflow's next step to the dead worker for this long first: outcomes of its drains were processed after 6 s
 * in place of 13 (docs/decisions/0017).
 */
const STICKY_TIMEOUT_MS = 1_000;
/** Cached workflows cost memory in the workflow thread's heap; beyond this they are rebuilt from a short history. */
const MAX_CACHED_WORKFLOWS = 500;

export interface RunningWorker {
  /** Resolves when the worker has ended; rejects if it failed. */
  readonly ended: Promise<void>;
  readonly identity: string;
  /** Ends drains after the batch in flight, then the worker, then its connections. Once only. */
  stop(): Promise<void>;
}

/** Starts one worker: publishers' workflows, relays and sweep. Rejects if Temporal or Kafka settings are unusable. */
export async function startWorker(config: Config, foundation: Foundation): Promise<RunningWorker> {
  const { pool, logger, metrics } = foundation;
  collectGarbageEarlier();
  installRuntime(config);
  const target = { address: foundation.temporalAddress, namespace: config.temporal.namespace };
  const connection = await temporalNativeConnection(target);
  const stopping = new AbortController();
  const identity = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  const attributes = new KnownSearchAttributes(
    (register) => (register ? registerSearchAttributes(target) : findSearchAttributes(target)),
    ({ added, problems }) => {
      if (added.length > 0) logger.info({ added }, 'search attributes registered');
      for (const problem of problems) logger.warn(problem);
    },
  );
  await attributes.usable();
  const client = temporalClient(target);
  const { maxHistoryEvents } = config.temporal;
  const wakes = wakeObserver(metrics, logger);
  const waker = new Waker(pool, client, config.temporal.taskQueue, wakes, { maxHistoryEvents });
  const running = await startRelays(config, foundation, client, identity);
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: config.temporal.taskQueue,
    identity,
    shutdownGraceTime: config.shutdownGraceMs,
    shutdownForceTime: config.shutdownGraceMs + 3_000,
    ...workflows(),
    ...STEP_LIMIT,
    activities: {
      drain: drainActivity(running.relays, identity),
      ...publisherRecordActivities(
        pool,
        async () => ({
          maxGrant: MAX_GRANT,
          maxHistoryEvents,
          breaker: config.breaker,
          quota: config.quota,
          searchAttributes: await attributes.usable(),
        }),
        publisherObserver(metrics, logger),
      ),
      ...retentionActivities({
        pool,
        keepMs: config.retention.keepMs,
        stopping: stopping.signal,
        observer: retentionObserver(metrics, logger),
      }),
      ...replayActivities(pool, (ref) => waker.wake([ref], 'replay'), replayObserver(metrics, logger)),
    },
    maxConcurrentActivityTaskExecutions: ACTIVITY_SLOTS,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT_MS,
    // A frozen worker's open polls each swallow one task: with the default of 10 its publishers waited for a minute.
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: ACTIVITY_POLLERS },
  });
  const sweeper = startSweep(config, foundation, waker, wakes);
  const scheduled = scheduleRetention(client, config, foundation, stopping.signal);
  const ended = worker.run().finally(async () => {
    await sweeper.stop();
    stopping.abort();
    await running.stop();
    await scheduled;
    await closeQuietly(connection);
  });
  ended.catch(() => undefined);
  return {
    ended,
    identity,
    async stop() {
      stopping.abort();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}
