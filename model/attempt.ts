import type { Batch, Item } from './batch';
import type { Call } from './call';
import type { Control } from './control';
import { IDLE } from './drain-state';
import type { Drain } from './drain-state';
import { ended } from './endings';
import type { Rules } from './rules';
import type { Turn } from './scope';
import type { Postgres } from './world';

/** One attempt of the activity that the workflow waits for: run.ts. A retried one first asks what its grant has recorded. */
export function startsCall(turn: Turn, control: Control, clean: boolean): void {
  const { running } = control;
  if (running === null || running.handed) return;
  const { grant, events, probe, cautious, takesBack, first } = running;
  const before = first || !turn.rules.retriesSubtract ? 0 : recordedUnder(turn.world.pg, grant);
  const done = { before, recorded: 0, refunded: 0, ofOthers: 0, published: 0, sent: false };
  const call: Call = { grant, events, probe, cautious, takesBack, first, givenUp: false, ...done };
  const rest = { ...turn.spent('runs'), control: { ...control, running: { ...running, handed: true } } };
  const what = `starts grant ${grant} of ${events}${first ? '' : ', again'}`;
  if (clean) turn.goto(`${what}, with its clean session`, { step: 'claim', call }, rest);
  else turn.become(what, { ...IDLE, step: 'fence', call }, rest);
}

export function recordedUnder(pg: Postgres, grant: number): number {
  return pg.grants[grant - 1]?.events ?? 0;
}

/** run.ts: after a doubt of its own a drain goes on only if the batch was committed or the broker refused it. */
export function tookOver(turn: Turn, before: Drain): Drain {
  const drain = { ...before, call: askedAgain(turn, before) };
  if (drain.resend === null) return { ...drain, step: 'claim', afterDoubt: false, refused: false, end: null };
  if (drain.afterDoubt && !drain.refused) return { ...IDLE, end: drain.end };
  return mayResend(turn, { ...drain, step: 'resend', afterDoubt: false, end: null });
}

/** After its take-over a retried attempt asks again: what a live one before it recorded until it was fenced is paid, too. */
function askedAgain({ world, rules }: Turn, { call, afterDoubt }: Drain): Call | null {
  if (call === null || call.first || afterDoubt || !rules.retriesSubtract || !rules.asksUnderFence) return call;
  return { ...call, before: recordedUnder(world.pg, call.grant) };
}

/** A recorded batch that Kafka never got: a look, and everybody in a pause of everything, must not send it. */
function mayResend({ world, rules }: Turn, drain: Drain): Drain {
  const { call } = drain;
  if (call === null) return drain;
  const looksOnly = call.events === 0;
  const allPaused = !looksOnly && world.pg.orders.allPaused;
  if (!looksOnly && !allPaused) return drain;
  const end = allPaused ? 'paused' : 'granted';
  if (rules.takesBack && (allPaused || call.takesBack)) return { ...drain, step: 'withdraw', end };
  return ended({ ...drain, resend: null, end });
}

/** resend.ts: a batch that is sent again fits the grant, a probe's above all, and is halved after a failure. */
export function allowedLength(call: Call | null, length: number, rules: Rules): number {
  if (call === null || !rules.resendFits) return length;
  const fits = Math.min(length, Math.max(1, call.events));
  return call.cautious ? Math.min(fits, Math.ceil(length / 2)) : fits;
}

export function recordedBy(call: Call | null, { items }: Batch): Call | null {
  return call === null ? null : { ...call, recorded: call.recorded + items.length };
}

export function recordedAnewBy(call: Call | null, stored: Batch, kept: readonly Item[], pg: Postgres): Call | null {
  if (call === null) return null;
  const of = pg.batches.find((batch) => batch.batchId === stored.batchId)?.grant;
  const refund = stored.items.length;
  return {
    ...call,
    recorded: call.recorded + kept.length,
    refunded: call.refunded + refund,
    ofOthers: call.ofOthers + (of === call.grant ? 0 : refund),
  };
}

export function sentBy(call: Call | null): Call | null {
  return call === null ? null : { ...call, sent: true };
}

export function settledBy(call: Call | null, { items }: Batch): Call | null {
  return call === null ? null : { ...call, published: call.published + items.length };
}
