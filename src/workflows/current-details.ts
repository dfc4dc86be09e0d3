import type { Decision, PublisherState } from '../domain/publisher-state';

function quotaLines({ quota, usage }: PublisherState): string[] {
  const events = quota.ratePerSecond === null ? 'none' : `${quota.ratePerSecond}/s, burst ${quota.burst}`;
  const bytes = quota.bytesPerSecond === null ? '' : `; ${quota.bytesPerSecond} bytes/s, burst ${quota.byteBurst}`;
  const since =
    usage.throttledSince === null ? '' : ` (more to send since ${new Date(usage.throttledSince).toISOString()})`;
  return [
    `Quota: ${events}${bytes}`,
    `Used: ${usage.lastEvents} events in the last full minute, ${usage.events} in this one; had to wait ${usage.denials} times${since}`,
  ];
}

/** A short markdown page for the Web UI: what an operator wants to know at one glance. Leaves no history events. */
export function describeState(state: PublisherState, decision: Decision): string {
  const { counters, breaker, drain } = state;
  const at = (ms: number | null): string => {
    if (ms === null) return 'until an operator acts';
    return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
  };
  const lines = [
    `**${state.tenant}** → ${state.destination}${state.shard === 0 ? '' : ` (shard ${state.shard})`}`,
    decision.kind === 'drain'
      ? `Now: draining, grant ${decision.events}${decision.probe ? ' (probe)' : ''}`
      : `Now: ${decision.why}${decision.until === null ? '' : ` until ${at(decision.until)}`}`,
    `Published ${counters.published}, parked ${counters.parked}, drains ${counters.drains}, failures ${counters.failures}`,
    `Breaker: ${breaker.state}, ${breaker.failures} failures in a row`,
    ...quotaLines(state),
  ];
  if (breaker.state !== 'closed')
    lines.push(`Breaker's reason: ${breaker.reason}; next probe ${at(breaker.nextProbeAt)}`);
  if (state.paused !== null)
    lines.push(`Paused by ${state.paused.by}: ${state.paused.why} (${at(state.paused.until)})`);
  if (drain.allPaused) lines.push('Everything was paused when it last tried: the sweep wakes it afterwards');
  if (state.halted !== null) lines.push(`**Halted**: ${state.halted.why}`);
  if (drain.blockedTopics.length > 0) lines.push(`Blocked topics: ${drain.blockedTopics.join(', ')}`);
  if (drain.lastFailure !== null) {
    lines.push(`Last failure ${at(drain.lastFailure.at)}: ${drain.lastFailure.code}: ${drain.lastFailure.message}`);
  }
  return lines.map((line) => `- ${line}`).join('\n');
}
