import { ActivityNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { Config } from '../config';
import type { DrainAddress, DrainOutcome } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import { createPool } from '../postgres/pool';
import type { RelayObserver } from '../relay/deps';
import { Relays } from '../relay/relays';
import type { Foundation } from './foundation';
import { openRelayKafka, wantedRelays } from './relay-ledger';

const SHOWN_EVERY_MS = 1_000;
/** Below the 30 minutes that a drain's activity has. */
const DRAIN_MAX_MS = 25 * 60_000;
/** Of a relay: looks for events and for copies, claims of named events, of a scan and of copies side by side, a settle, what detaches, a lease. */
const CONNECTIONS_PER_RELAY = 8;

export interface RunningRelays {
  readonly relays: Relays;
  stop(): Promise<void>;
}

/** The relays of one worker, with connections of their own: statements of relays must not queue behind others'. */
export async function startRelays(
  config: Config,
  foundation: Foundation,
  client: Client,
  worker: string,
): Promise<RunningRelays> {
  const { logger } = foundation;
  const { kafka, relays: present } = await openRelayKafka(config, foundation);
  const wanted = wantedRelays(config, present);
  const ledger = await kafka.ensureLedger({ partitions: wanted, singleBroker: config.relays.singleBroker });
  const pool = createPool(foundation.databaseUrl, {
    max: CONNECTIONS_PER_RELAY * (config.relays.mains + 2),
    applicationName: 'temporal-outbox relays',
    throughPooler: config.database.directUrl !== config.database.url,
    ...(config.database.sslCa === null ? {} : { ssl: { ca: config.database.sslCa } }),
    prepares: true,
    onError: (error) => logger.warn({ code: error.code }, error.message),
  });
  const relays = new Relays(
    {
      db: pool,
      kafka,
      observer: relayObserver(foundation),
      worker,
      relays: wanted,
      complete: (address, outcome) => complete(client, address, outcome),
      batchEvents: config.relays.batchEvents,
      batchBytes: config.relays.batchBytes,
      lingerMs: config.relays.lingerMs,
      drainMaxMs: DRAIN_MAX_MS,
      ledgerRetentionMs: ledger.retentionMs < 0 ? Infinity : ledger.retentionMs,
    },
    config.relays.mains,
  );
  relays.start();
  const shown = setInterval(() => showRelays(relays, foundation), SHOWN_EVERY_MS);
  shown.unref();
  return {
    relays,
    async stop() {
      await relays.stop();
      clearInterval(shown);
      showRelays(relays, foundation);
      kafka.close();
      await pool.end();
    },
  };
}

function showRelays(relays: Relays, { metrics }: Foundation): void {
  const states = relays.states();
  metrics.relays.reset();
  for (const { state } of states) metrics.relays.inc({ state });
  metrics.topicsSuspended.set(relays.suspendedTopics);
  metrics.attached.set(states.reduce((sum, { publishers }) => sum + publishers, 0));
}

/** An activity that is gone has a workflow that was terminated or gave it up: nobody waits for the outcome. */
async function complete(client: Client, address: DrainAddress, outcome: DrainOutcome): Promise<void> {
  try {
    await client.activity.complete(address, outcome);
  } catch (error) {
    if (!(error instanceof ActivityNotFoundError)) throw error;
  }
}

/** Counts what relays do and logs each failure once, with tenant and cause. */
function relayObserver({ metrics, logger }: Foundation): RelayObserver {
  const labelOf = (tenant: string): { tenant_id: string } => ({ tenant_id: metrics.tenants.of(tenant) });
  return {
    published(ref, count, oldest) {
      metrics.published.inc(labelOf(ref.tenant), count);
      if (oldest !== '') metrics.publishLatency.observe(Math.max(0, Date.now() - Date.parse(oldest)) / 1000);
    },
    replayed(ref, count) {
      metrics.replayed.inc(labelOf(ref.tenant), count);
    },
    parked(ref, code, count) {
      metrics.parked.inc({ ...labelOf(ref.tenant), code }, count);
    },
    failed(ref, code, message) {
      metrics.drainFailures.inc({ ...labelOf(ref.tenant), code });
      logger.error({ tenant: ref.tenant, publisher: publisherId(ref), code }, message);
    },
    ended(ref, outcome) {
      metrics.drains.inc({ end: outcome.end });
      if (outcome.denials !== undefined) metrics.quotaDenied.inc(labelOf(ref.tenant), outcome.denials);
      if (outcome.quota !== undefined && outcome.published > 0)
        metrics.quotaSpent.inc(labelOf(ref.tenant), outcome.published);
    },
    transaction(_relay, outcome, _events, ms) {
      metrics.relaySeconds.observe({ step: 'transaction' }, ms / 1_000);
      metrics.transactions.inc({ outcome: outcome === 'unanswered' ? 'indefinite' : outcome });
    },
    took(step, ms) {
      metrics.relaySeconds.observe({ step }, ms / 1_000);
    },
    tookOver(relay, reason, ms, found) {
      metrics.takeOvers.inc({ reason });
      metrics.strangers.inc(found.strangers);
      logger.info({ relay, reason, ms: Math.round(ms), ...found }, 'relay taken over');
    },
    quarantine(ref, what, code, why) {
      const of = { tenant: ref.tenant, publisher: publisherId(ref) };
      if (what === 'ends') return void logger.info(of, 'publisher is out of quarantine');
      metrics.quarantines.inc({ ...labelOf(ref.tenant), code });
      logger.warn({ ...of, code }, `publisher has transactions of its own for a while: ${why}`);
    },
    retired(relay, to, publishers, ms) {
      metrics.relaysRetired.inc();
      logger.warn(
        { relay, to, publishers, ms: Math.round(ms) },
        'publishers of a relay that waits go on with another one',
      );
    },
    admission(topic, what, why) {
      metrics.admissions.inc({ what });
      if (what === 'lost') logger.warn({ topic }, `relays leave a topic out: ${why}`);
      else logger.info({ topic }, 'relays have a topic again');
    },
    doubt(relay, code, message) {
      metrics.relayDoubts.inc({ code });
      logger.warn({ relay, code }, message);
    },
    note(what, details) {
      logger.warn(details, what);
    },
  };
}
