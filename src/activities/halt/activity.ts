import { heartbeat } from '@temporalio/activity';
import { OutboxError, errorMessage, isOutboxError } from '../../domain/errors';
import type { HaltOutcome, HaltRequest } from '../../domain/halt';
import { countMissing } from '../../postgres/adopt';
import { compareSides } from '../drain/compare';
import type { Sides } from '../drain/compare';
import type { Hold } from '../drain/hold';
import { adopt } from './adopt';
import type { HaltDeps } from './deps';
import { resend } from './resend';

const HEARTBEAT_MS = 500;

/** The activity `resolveHalt`: carries out, under a fence and an epoch of its own, what an operator chose. */
export function resolveHaltActivity(deps: HaltDeps): (request: HaltRequest) => Promise<HaltOutcome> {
  return async function resolveHalt(request: HaltRequest): Promise<HaltOutcome> {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
    try {
      return await resolveHalted(deps, request);
    } finally {
      clearInterval(beat);
    }
  };
}

/**
 * Never rejects: an outage is an answer too, and the operator tries again. Each step can be repeated: until the last one both
 * sides contradict each other, and the publisher stays halted.
 */
export async function resolveHalted(deps: HaltDeps, request: HaltRequest): Promise<HaltOutcome> {
  const { publisher: ref, choice, by, why } = request;
  const hold: Hold = { ref, session: deps.sink.open(ref), clean: null };
  try {
    const sides = await compareSides(deps, hold, null);
    const agree = await bothAgree(deps, sides, ref.tenant);
    const outcome = agree ?? (await (choice === 'adopt' ? adopt : resend)(deps, hold, sides));
    const { row, ledger, unsettled } = sides;
    deps.observer.note(ref, `halt: ${choice} ${outcome.done ? 'done' : 'refused'}`, {
      by,
      why,
      ...outcome,
      recorded: row.recorded,
      settled: row.settled,
      unsettled: unsettled.map(({ seq, batchId }) => ({ seq, batchId })),
      ledger,
    });
    return outcome;
  } catch (error) {
    const known = isOutboxError(error) ? error : new OutboxError('INTERNAL', errorMessage(error), { cause: error });
    deps.observer.failed(ref, known.code, `halt: ${choice}: ${known.message}`, { by, why });
    return { done: false, explanation: `${known.code}: ${known.message}` };
  } finally {
    await hold.session.discard();
  }
}

/** The cause may be gone meanwhile; then there is nothing to adopt, and sending again would only double. */
async function bothAgree(deps: HaltDeps, sides: Sides, tenant: string): Promise<HaltOutcome | null> {
  if (sides.verdict.kind === 'halt') return null;
  const missing = await countMissing(
    deps.pool,
    tenant,
    sides.unsettled.flatMap((batch) => batch.eventIds),
  );
  return missing > 0 ? null : { done: true, explanation: 'row and ledger agree, nothing had to be changed' };
}
