import type { ReplayView } from '../domain/replay-workflow';

/** A short markdown page for the Web UI: how far a replay is. Leaves no history events. */
export function describeReplay(view: ReplayView): string {
  const { status, tenant, replayId } = view;
  if (status === null) return `- Replay ${replayId} of **${tenant}** is not stored in Postgres`;
  const { total, published, failed, retried, cancelled, pending, remaining } = status;
  const done = total === 0 ? 100 : Math.floor(((total - remaining) / total) * 100);
  const lines = [
    `Replay **${replayId}** of **${tenant}**: ${status.state}`,
    `${done} %: published ${published} of ${total}, failed ${failed}, put back to pending ${retried}, cancelled ${cancelled}`,
    `In the lane ${pending}, remaining ${remaining}`,
    `Rate: ${status.ratePerSecond === null ? 'no limit' : `${status.ratePerSecond}/s`}`,
    `Started by ${status.by}: ${status.why} (${status.startedAt})`,
  ];
  if (status.changed !== null) lines.push(`${status.changed.state} by ${status.changed.by}: ${status.changed.why}`);
  if (status.endedAt !== null) lines.push(`Ended ${status.endedAt}`);
  return lines.map((line) => `- ${line}`).join('\n');
}
