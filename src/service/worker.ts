import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { Worker } from '@temporalio/worker';
import { relayDrainActivity } from '../activities/relay-drain';
import { drainActivity } from '../activities/drain/activity';
import { resolveHaltActivity } from '../activities/halt/activity';
import { everythingActivities } from '../activities/everything';
import { FreezeWatch } from '../activities/drain/freeze-watch';
import { LingerHub } from '../activities/drain/linger';
import { SessionCache } from '../activities/drain/session-cache';
import { publisherRecordActivities } from '../activities/publisher-record';
import { replayActivities } from '../activities/replay';
import { retentionActivities } from '../activities/retention';
import { tenantCommandActivities } from '../activities/tenant-commands';
import type { Config } from '../config';
import { temporalNativeConnection } from '../temporal/client';
import { openSink } from './sink';
import { drainObserver, publisherObserver, replayObserver, retentionObserver, wakeObserver } from './observers';
import { startRelays } from './relays';
import { scheduleRetention } from './retention';
import { startSweep } from './sweep';
import { closeQuietly, collectGarbageEarlier, installRuntime, runTogether, workflows } from './worker-process';
import type { Foundation } from './foundation';
import { Waker } from '../wake/waker';
import { temporalClient } from '../temporal/client';
import { KnownSearchAttributes } from '../temporal/known-search-attributes';
import { STEP_LIMIT } from '../temporal/step-limit';
import { findSearchAttributes, registerSearchAttributes } from '../temporal/search-attributes';

/** A grant that one drain can hardly use up in its time: quotas cut it, not this. */
const MAX_GRANT = 1_000_000;
/** Time from a frozen or killed worker to the take-over by another. */
const HEARTBEAT_TIMEOUT_MS = 5_000;
/**
 * Two of a drain's heartbeats fit into their time-out with a second to spare. Each is a write of Temporal's: at 1.25 s those of 50
 * lingering drains took a fifth of a core.
 */
const HEARTBEAT_EVERY_MS = 2_000;
const ACTIVITY_POLLERS = 3;
/**
 * A drain that lingers needs a slot and nearly nothing else. With one slot for each that may publish, 50 tenants of an event a
 * second pushed each other out and were woken anew for each event, which a development server hardly bears.
 */
const SLOTS_PER_DRAIN = 2;
const STICKY_TIMEOUT_MS = 3_000;
/** With relays a step is short: outcomes of a dead worker's drains were processed after 6 s in place of 13 (docs/decisions/0017). */
const RELAYS_STICKY_TIMEOUT_MS = 1_000;
/** Of the slots: so many more for publishers whose last drain failed, and never one of the others'. */
const SUSPECT_SHARE = 1 / 3;
/** Cached workflows cost memory in the workflow thread's heap; beyond this they are rebuilt from a short history. */
const MAX_CACHED_WORKFLOWS = 500;

export interface RunningWorker {
  /** Resolves when the worker has ended; rejects if it failed. */
  readonly ended: Promise<void>;
  readonly identity: string;
  /** Ends drains after the batch in flight, then the worker, then its connections. Once only. */
  stop(): Promise<void>;
}

/** Starts one worker: publishers' workflows, drains, sweep and listener. Rejects if Temporal or Kafka settings are unusable. */
export async function startWorker(config: Config, foundation: Foundation): Promise<RunningWorker> {
  const { pool, logger, metrics } = foundation;
  collectGarbageEarlier();
  installRuntime(config);
  const target = { address: foundation.temporalAddress, namespace: config.temporal.namespace };
  const connection = await temporalNativeConnection(target);
  const sink = openSink(config, foundation);
  const stopping = new AbortController();
  // Every drain listens to it; more than ten are normal, not a leak.
  setMaxListeners(0, stopping.signal);
  const identity = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  const sessions = new SessionCache(sink, config.drain.maxProducers, (sessions) => metrics.producers.set(sessions));
  const freezes = new FreezeWatch(HEARTBEAT_TIMEOUT_MS);
  const drainDeps = {
    pool,
    sink,
    sessions,
    linger: new LingerHub(pool, config.drain.maxDrains * SLOTS_PER_DRAIN, config.drain.maxDrains, {
      longestMs: config.drain.restMaxMs,
      rested: (ms) => metrics.rests.inc(ms / 1_000),
    }),
    observer: drainObserver(metrics, logger),
    worker: identity,
    batchEvents: config.drain.batchEvents,
    batchBytes: config.drain.batchBytes,
    // A margin below the transaction time-out, so that we know of the doubt before the coordinator aborts.
    publishDeadlineMs: Math.round(config.kafka.transactionTimeoutMs * 0.8),
    stopping: stopping.signal,
    thawed: (stop: AbortSignal) => freezes.thawed(stop),
  };
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
  const running = config.engine === 'relays' ? await startRelays(config, foundation, client, identity) : null;
  const drain = running === null ? drainActivity(drainDeps) : relayDrainActivity(running.relays, identity);
  const common = {
    connection,
    namespace: config.temporal.namespace,
    maxHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
    defaultHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
    shutdownGraceTime: config.shutdownGraceMs,
    shutdownForceTime: config.shutdownGraceMs + 3_000,
  };
  const suspects = await Worker.create({
    ...common,
    taskQueue: suspectTaskQueue(config),
    identity: `${identity} suspects`,
    activities: { drain },
    maxConcurrentActivityTaskExecutions: Math.max(1, Math.floor(config.drain.maxDrains * SUSPECT_SHARE)),
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
  });
  const worker = await Worker.create({
    ...common,
    taskQueue: config.temporal.taskQueue,
    identity,
    ...workflows(),
    ...STEP_LIMIT,
    activities: {
      drain,
      resolveHalt: resolveHaltActivity(drainDeps),
      ...publisherRecordActivities(
        pool,
        async () => ({
          maxGrant: MAX_GRANT,
          drainMaxMs: config.drain.maxMs,
          drainStartTimeoutMs: config.drain.startTimeoutMs,
          lingerMs: config.drain.lingerMs,
          heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
          maxHistoryEvents,
          suspectTaskQueue: suspectTaskQueue(config),
          ...(running !== null && { engine: 'relays' as const }),
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
      ...everythingActivities(pool),
      ...tenantCommandActivities({
        pool,
        wake: (refs) => waker.wake(refs, 'command'),
        observer: { acted: (action, events) => metrics.operatorEvents.inc({ action }, events) },
      }),
    },
    maxConcurrentActivityTaskExecutions: config.drain.maxDrains * SLOTS_PER_DRAIN,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    // After a kill the server offers a workflow's next step to the dead worker for this long first; with the default of 10 s
    // a worker killed every 10 s would hardly let any publisher move.
    stickyQueueScheduleToStartTimeout: running === null ? STICKY_TIMEOUT_MS : RELAYS_STICKY_TIMEOUT_MS,
    // A frozen worker's open polls each swallow one attempt and its heartbeat time-out before a live worker gets it: with
    // the default of 10 a take-over took a minute.
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: ACTIVITY_POLLERS },
  });
  const sweeper = startSweep(config, foundation, client, waker, wakes);
  const scheduled = scheduleRetention(client, config, foundation, stopping.signal);
  const ended = runTogether([worker, suspects]).finally(async () => {
    await sweeper.stop();
    stopping.abort();
    await running?.stop();
    await scheduled;
    await sessions.close();
    await sink.close();
    await closeQuietly(connection);
  });
  ended.catch(() => undefined);
  return {
    ended,
    identity,
    async stop() {
      stopping.abort();
      for (const part of [worker, suspects]) if (part.getState() === 'RUNNING') part.shutdown();
      await ended;
    },
  };
}

/** Beside the common queue, one for drains of suspect publishers: Temporal keeps them waiting there at no cost. */
function suspectTaskQueue(config: Config): string {
  return `${config.temporal.taskQueue}-suspect`;
}
