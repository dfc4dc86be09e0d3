import type { Client } from '@temporalio/client';
import type { DoctorCheck } from '../api/admin/context';
import { errorMessage } from '../domain/errors';
import { HANGING_SECONDS, examinePostgres } from '../postgres/doctor';
import type { PostgresFindings } from '../postgres/doctor';
import { migrationStatus } from '../postgres/migrate';
import { checkDurability } from '../postgres/pool';
import type { Foundation } from './foundation';
import { checkRelayLedger, checkRelayWork, checkRelays, checkTopics } from './relay-checks';
import type { Finding } from './relay-checks';
import type { KafkaLook } from './relay-ledger';

/** No check may hold up the others: a doctor is called when something hangs. */
const CHECK_MS = 5_000;
/** Ends of pauses and ages of events are set by one clock and read by another: beyond this, operators would notice. */
const CLOCK_MS = 2_000;

export interface DoctorDeps {
  readonly foundation: Pick<Foundation, 'pool' | 'kafkaBrokers' | 'temporalAddress'>;
  readonly client: Client;
  readonly taskQueue: string;
  readonly kafka: KafkaLook;
}

/** Looks at everything that publishing needs, all at once. Never rejects: what fails is a finding. */
export async function examine(deps: DoctorDeps): Promise<DoctorCheck[]> {
  const { pool, kafkaBrokers, temporalAddress } = deps.foundation;
  // Asked once for three checks; each of them reports a failure as its own.
  const findings = examinePostgres(pool);
  findings.catch(() => undefined);
  return Promise.all([
    check('postgres', 'Start Postgres, or correct DATABASE_URL.', async () => {
      const { version } = await findings;
      await checkDurability(pool);
      return fine(`Postgres ${version} answers and keeps commits durable`);
    }),
    check('schema', 'Run: node dist/main.js migrate up', async () => {
      const { applied, missing, unknown } = await migrationStatus(pool);
      if (missing.length > 0) return { ok: false, detail: `the database lacks ${missing.join(', ')}` };
      if (unknown.length === 0) return fine(`${applied.length} migrations, none missing`);
      return {
        ok: false,
        detail: `the database has ${unknown.join(', ')}, which this release does not know`,
        remedy: 'Run the newer release, or with it: migrate down.',
      };
    }),
    check('hanging transactions', 'Look at pg_stat_activity.', async () => hanging(await findings)),
    check('clock', 'Let NTP keep the clocks of this host and of Postgres.', async () => {
      const off = Math.round((await findings).clockDifferenceMs);
      return { ok: Math.abs(off) <= CLOCK_MS, detail: `this host's clock is ${off} ms ahead of Postgres'` };
    }),
    check('kafka', 'Start Kafka, or correct KAFKA_BROKERS and the KAFKA_ variables of its security.', async () => {
      const ok = await deps.kafka.reachable(CHECK_MS - 500);
      return { ok, detail: `${kafkaBrokers.join(',')} ${ok ? 'answers' : 'does not answer'}` };
    }),
    check('ledger topic', 'Start Kafka.', async () => checkRelayLedger(await deps.kafka.ledger())),
    check('relays', 'Start Postgres.', () => checkRelays(pool)),
    check('topics of relays', 'Start Postgres.', () => checkTopics(pool)),
    check('work of relays', 'Start Postgres.', () => checkRelayWork(pool)),
    check('temporal', 'Start Temporal, or correct TEMPORAL_ADDRESS.', async () => {
      const info = await deps.client.withDeadline(Date.now() + CHECK_MS - 500, () =>
        deps.client.workflowService.getSystemInfo({}),
      );
      return fine(`${temporalAddress} answers, server ${info.serverVersion ?? 'of unknown version'}`);
    }),
    check('workers', `Start a worker: node dist/main.js worker (task queue ${deps.taskQueue}).`, () => workers(deps)),
  ]);
}

function fine(detail: string): Finding {
  return { ok: true, detail };
}

async function check(name: string, remedy: string, look: () => Promise<Finding>): Promise<DoctorCheck> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_MS} ms`)), CHECK_MS);
  });
  try {
    const found = await Promise.race([look(), late]);
    return { name, ok: found.ok, detail: found.detail, remedy: found.ok ? null : (found.remedy ?? remedy) };
  } catch (error) {
    return { name, ok: false, detail: errorMessage(error), remedy };
  } finally {
    clearTimeout(timer);
  }
}

function hanging({ hanging: open, prepared }: PostgresFindings): Finding {
  const [oldest] = open;
  if (oldest === undefined && prepared === 0) return fine(`no transaction is open for more than ${HANGING_SECONDS} s`);
  const detail = [
    ...(oldest === undefined
      ? []
      : [
          `${open.length} open for more than ${HANGING_SECONDS} s; the oldest for ${Math.round(oldest.seconds)} s: pid ${oldest.pid}, ` +
            `user ${oldest.user ?? '?'}, application "${oldest.application ?? ''}", ${oldest.state ?? 'state hidden'}`,
        ]),
    ...(prepared === 0 ? [] : [`${prepared} prepared and never finished`]),
  ].join('; ');
  const remedy =
    oldest === undefined
      ? 'Look at pg_prepared_xacts, then: commit prepared or rollback prepared.'
      : `They hold back vacuum. Find the application; if nobody needs it any more: select pg_terminate_backend(${oldest.pid}).`;
  return { ok: false, detail, remedy };
}

async function workers(deps: DoctorDeps): Promise<Finding> {
  const described = await deps.client.withDeadline(Date.now() + CHECK_MS - 500, () =>
    deps.client.workflowService.describeTaskQueue({
      namespace: deps.client.options.namespace,
      taskQueue: { name: deps.taskQueue },
      taskQueueType: 1,
    }),
  );
  const names = new Set((described.pollers ?? []).map((poller) => poller.identity ?? ''));
  return { ok: names.size > 0, detail: `${names.size} asked for work in the last five minutes` };
}
