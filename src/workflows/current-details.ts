import type { Decision, WaitReason } from '../domain/publisher-decision';
import type { PublisherState } from '../domain/publisher-state';
import { plain } from './plain-text';

/** What ends each wait: the question of whoever opens the page at night. */
const ENDS: Readonly<Record<WaitReason, string>> = {
  sleeping: 'The next event wakes it.',
  throttled: 'Goes on by itself.',
  open: 'Probes with one event by itself; `resetBreaker` tries at once.',
  paused: '`resume` ends it.',
};

/**
 * A short markdown page for the Web UI: what an operator wants to know at one glance. Leaves no history events. Lists only: not
 * every version of the UI draws tables.
 */
export function describeState(state: PublisherState, decision: Decision): string {
  const { counters, breaker, drain } = state;
  const lines = [
    `**Breaker** ${breaker.state}${breaker.failures === 0 ? '' : `, ${breaker.failures} failures in a row`}`,
    ...quotaLines(state),
    `**So far** ${counters.published} published in ${counters.batches} transactions, ${counters.parked} parked, ${counters.drains} drains, ${counters.failures} failures`,
  ];
  if (breaker.state !== 'closed') {
    lines.push(`**Why open** ${plain(breaker.reason)}; next probe ${at(breaker.nextProbeAt)}`);
  }
  for (const { from, to, at: when, why } of breaker.transitions.slice(-3)) {
    lines.push(`${at(when)} breaker ${from} → ${to}: ${plain(why)}`);
  }
  if (state.paused !== null) {
    lines.push(`**Paused** by ${plain(state.paused.by)}: ${plain(state.paused.why)} (until ${at(state.paused.until)})`);
  }
  if (drain.allPaused) lines.push('**Everything is paused**, or was when it last tried; the sweep wakes it afterwards');
  if (drain.blockedTopics.length > 0) {
    lines.push(`**Blocked topics** ${drain.blockedTopics.map(plain).join(', ')}: their events wait, others go`);
  }
  if (drain.lastFailure !== null) {
    const { at: when, code, message } = drain.lastFailure;
    lines.push(`**Last failure** ${at(when)} \`${code}\`: ${plain(message)}`);
  }
  for (const { replayId, why, at: when } of state.refusedReplays ?? [])
    lines.push(`**Refused replay** ${at(when)} ${plain(replayId)}: ${plain(why)}`);
  if (counters.refusedCommands > 0) lines.push(`**Refused signals** ${counters.refusedCommands} (bad arguments)`);
  const shard = state.shard === 0 ? '' : ` (shard ${state.shard})`;
  return [
    `### ${plain(state.tenant)} → ${plain(state.destination)}${shard}`,
    '',
    headline(decision),
    '',
    ...lines.map((line) => `- ${line}`),
  ].join('\n');
}

function quotaLines({ quota, usage }: PublisherState): string[] {
  const events = quota.ratePerSecond === null ? 'none' : `${quota.ratePerSecond} events/s, burst ${quota.burst}`;
  const bytes = quota.bytesPerSecond === null ? '' : `; ${quota.bytesPerSecond} bytes/s, burst ${quota.byteBurst}`;
  const since = usage.throttledSince === null ? '' : `, more to send since ${at(usage.throttledSince)}`;
  const waits = usage.denials === 0 ? '' : `; had to wait ${usage.denials} times${since}`;
  return [
    `**Quota** ${events}${bytes}`,
    `**Used** ${usage.lastEvents} events in the last full minute, ${usage.events} in this one${waits}`,
  ];
}

function headline(decision: Decision): string {
  if (decision.kind === 'drain') {
    return decision.probe
      ? `**Probing** the open breaker with ${decision.events} event.`
      : '**Attached** to a relay, which publishes what comes.';
  }
  const until = decision.until === null ? '' : ` until ${at(decision.until)}`;
  return `**${decision.why[0]?.toUpperCase()}${decision.why.slice(1)}**${until}. ${ENDS[decision.why]}`;
}

function at(ms: number | null): string {
  if (ms === null) return 'an operator acts';
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
