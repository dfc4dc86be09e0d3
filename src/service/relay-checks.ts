import type { Pool } from 'pg';
import type { LedgerState } from '../kafka/ledger/ledger-topic';
import { suspendedTopics } from '../postgres/relay/admissions';
import { listRelays, relayTroubles } from '../postgres/relay/relay-list';
import type { RelayTroubles } from '../postgres/relay/relay-list';

export interface Finding {
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

/** What ordinary work never leaves for so long, in seconds. */
const TOO_LONG_SECONDS = 60;
const SHOWN = 10;

/** Halted ones, and those that were not taken over on this server: while there is one of these nothing is attached. */
export async function checkRelays(pool: Pool): Promise<Finding> {
  const relays = await listRelays(pool);
  const [halted] = relays.filter((relay) => relay.halted !== null);
  if (halted !== undefined) {
    const detail = `relay ${halted.relay} is halted: ${halted.halted?.why ?? ''}`;
    return { ok: false, detail, remedy: 'Compare both sides: outboxctl halted show names the ways out.' };
  }
  const unrecovered = relays.filter(({ recovered }) => !recovered).map(({ relay }) => relay);
  if (unrecovered.length > 0) {
    const some = unrecovered.slice(0, SHOWN).join(', ');
    return {
      ok: false,
      detail: `${unrecovered.length} relays are not taken over on this Postgres server, so nothing is published: ${some}`,
      remedy: 'Start a worker, which takes them over; if one runs, its log says what is in the way of each.',
    };
  }
  const held = relays.filter(({ holder }) => holder !== null);
  const attached = relays.reduce((sum, relay) => sum + relay.attached, 0);
  const strangers = relays.reduce((sum, relay) => sum + relay.strangers, 0);
  const lost = strangers === 0 ? '' : `; ${strangers} published events are not in this database: a fail-over lost them`;
  return {
    ok: true,
    detail: `${held.length} of ${relays.length} relays are held, ${attached} publishers attached${lost}`,
  };
}

/** Topics that relays leave out because a partition cannot take its part of a transaction. */
export async function checkTopics(pool: Pool): Promise<Finding> {
  const suspended = await suspendedTopics(pool, SHOWN);
  const [first] = suspended;
  if (first === undefined) return { ok: true, detail: 'relays leave no topic out' };
  const others = suspended.slice(1).map(({ topic }) => topic);
  const also = others.length === 0 ? '' : `; also left out: ${others.join(', ')}`;
  return {
    ok: false,
    detail: `relays leave topic ${first.topic} out since ${first.suspended?.since ?? '?'}: ${first.suspended?.why ?? ''}${also}`,
    remedy: 'See to the brokers that hold it. It is looked at by itself, after 15 minutes at the latest.',
  };
}

/** What relays have sent and could not mark, and outcomes that no workflow has heard of. */
export async function checkRelayWork(pool: Pool): Promise<Finding> {
  const troubles = await relayTroubles(pool, TOO_LONG_SECONDS);
  const late = lateWork(troubles);
  if (late !== null) return late;
  return { ok: true, detail: 'what was sent is marked, and workflows hear of ended drains' };
}

function lateWork({ unsettled, unsettledSeconds, untold }: RelayTroubles): Finding | null {
  if (unsettledSeconds !== null && unsettledSeconds > TOO_LONG_SECONDS) {
    return {
      ok: false,
      detail: `${unsettled} events are published and not marked, the oldest for ${Math.round(unsettledSeconds)} s: their rows are locked`,
      remedy: 'Find the transaction that holds them: select * from outbox.unsettled, and pg_locks.',
    };
  }
  if (untold === 0) return null;
  return {
    ok: false,
    detail: `${untold} drains ended more than ${TOO_LONG_SECONDS} s ago and their workflows have not heard of it`,
    remedy: 'See that Temporal answers and that a worker runs, which tells them.',
  };
}

export function checkRelayLedger(state: LedgerState | null): Finding {
  if (state === null)
    return { ok: false, detail: 'it is missing', remedy: 'Run migrate up, or start a worker, which makes it.' };
  const { topic, partitions, replicas, problems } = state;
  if (problems.length > 0) return { ok: false, detail: problems.join(' '), remedy: 'Do as it says.' };
  return { ok: true, detail: `topic ${topic} has ${partitions} partitions, replication ${replicas}` };
}
