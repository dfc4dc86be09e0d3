import { drainEnded } from '../src/domain/publisher-outcome';
import type { DrainOutcome } from '../src/domain/drain';
import { recordedUnder } from './attempt';
import type { Call, Ending } from './call';
import { bare } from './control';
import type { Rules } from './rules';
import type { Turn } from './scope';
import type { Postgres } from './world';

/** The outcome reaches the workflow, whose own reducer judges it. */
export function reports(turn: Turn): void {
  const { me, world, rules } = turn;
  const { control } = world;
  const { call, end } = me;
  if (control === null || call === null || end === null) return;
  const outcome = outcomeOf(call, end, world.pg, rules);
  const request = { events: rules.looksDecideNothing ? call.events : Math.max(1, call.events), probe: call.probe };
  const state = bare(drainEnded(control.state, outcome, request, 0, 0.5));
  const paid = control.paid + outcome.recorded;
  turn.goto(
    `reports ${end}: ${outcome.recorded} recorded, ${outcome.published} published`,
    { step: 'idle', call: null, end: null },
    { control: { ...control, state, paid, running: null } },
  );
}

function outcomeOf(call: Call, end: Ending, pg: Postgres, rules: Rules): DrainOutcome {
  const { grant, first, sent } = call;
  const settled = pg.grants[grant - 1]?.settled ?? 0;
  const isFailure = end === 'failed' || end === 'unreached';
  const asks = rules.failuresAsk && isFailure;
  const mine = call.before + call.recorded - call.refunded;
  return {
    recorded: asks ? recordedUnder(pg, grant) - call.ofOthers : mine,
    published: first ? call.published : Math.max(call.published, settled),
    parked: 0,
    batches: sent ? 1 : 0,
    end: end === 'unreached' ? 'failed' : end,
    failure: isFailure ? FAILURES[end] : null,
    blockedTopics: [],
    worker: '',
  };
}

const FAILURES = {
  failed: { code: 'POSTGRES_UNAVAILABLE', message: '', breaker: false },
  unreached: { code: 'KAFKA_TIMEOUT', message: '', breaker: true },
} as const;
