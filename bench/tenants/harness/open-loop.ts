import { now, poll, until } from '../../harness/clock';
import { percentile, rounded } from '../../harness/statistics';
import { PAYLOAD_BYTES } from '../../load/events';
import type { TenantsRig } from './rig';
import type { Due } from './schedule';

/** ms from the moment that an event's transaction was due until a read_committed consumer has the event. */
export interface Latency {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
}

interface Loop {
  /** Of the events; used once. */
  readonly label: string;
  readonly schedule: Iterable<Due>;
  /** Ends the loop early. */
  readonly until?: AbortSignal;
  /** Hears of each event that is committed. */
  readonly committed?: (eventId: string) => void;
  /** How long the last events may take to arrive, ms. */
  readonly patienceMs?: number;
}

const ARRIVAL_MS = 60_000;

/**
 * Commits events by plain SQL at moments fixed beforehand and takes the time from those moments: a commit that had to wait because the one
 * before was slow counts with its wait. Rejects unless exactly the committed events arrive.
 */
export async function openLoop(rig: TenantsRig, loop: Loop): Promise<Latency> {
  const started = now() + 20;
  const commits: Promise<void>[] = [];
  for (const { afterMs, tenant } of loop.schedule) {
    const due = started + afterMs;
    await until(due);
    if (loop.until?.aborted === true) break;
    const commit = enqueue(rig, { label: loop.label, due, tenant }).then((eventId) => loop.committed?.(eventId));
    // Awaited below: until then a failure would end the process, and its servers would go on.
    commit.catch(() => undefined);
    commits.push(commit);
  }
  await Promise.all(commits);
  let times: readonly number[] = [];
  const { label } = loop;
  const arrived = poll(`${label}: ${commits.length} events arrive`, loop.patienceMs ?? ARRIVAL_MS, 100, async () => {
    times = await rig.base.consumer.call('times', label);
    return times.length >= commits.length;
  });
  await arrived.catch((cause: unknown) => {
    throw new Error(`${label}: ${times.length} of ${commits.length} events arrived`, { cause });
  });
  if (times.length !== commits.length) throw new Error(`${label}: ${times.length} of ${commits.length} events arrived`);
  const latency = latencyOf(times);
  rig.log(`${label}: p50 ${latency.p50} p99 ${latency.p99} ms of ${latency.events} events`);
  return latency;
}

export function latencyOf(times: readonly number[]): Latency {
  const ms = (share: number): number => rounded(percentile(times, share), 1);
  return { events: times.length, p50: ms(0.5), p99: ms(0.99) };
}

/** Resolves with the event's id. */
async function enqueue(rig: TenantsRig, event: { label: string; due: number; tenant: string }): Promise<string> {
  const { label, due, tenant } = event;
  const payload = JSON.stringify({ label, due, text: '' });
  const filled = payload.replace('""', `"${'x'.repeat(Math.max(0, PAYLOAD_BYTES - payload.length))}"`);
  const [row] = await rig.rows<{ id: string }>(
    `select outbox.enqueue(tenant => $1, topic => $2, type => 'order.created', payload => $3::jsonb, key => $4)::text as id`,
    [tenant, rig.base.topics.timed, filled, `order-${rig.random.int(1, 1_000)}`],
  );
  rig.base.account.accepted(tenant, 1);
  if (row === undefined) throw new Error('enqueue returned no row');
  return row.id;
}
