import type { Holder as Modelled, Item } from '../../../model/relay/world';
import type { TransactionResult } from '../../../src/kafka/transaction/types';
import type { Report } from './course';
import type { Holder, OnTheWay } from './holder';
import { Deviation, expectAt, expectDone, expectRefused, reportOf, same } from './report';
import type { Stage, Step } from './stage';

/** One step of a holder: the real one, and the model's after it. */
interface Move {
  readonly stage: Stage;
  readonly who: number;
  readonly real: Holder;
  readonly step: Step;
  readonly after: Modelled;
  /** The label without the holder's name. */
  readonly what: string;
}
type Act = (move: Move) => Promise<Report<unknown>>;
type Check = (move: Move, report: Report<unknown>) => void | Promise<void>;

const GIVES_UP = /: (refused|fenced in Kafka|its server is gone)$/;

/** Carries the step out, and compares what it was answered with what the model's holder knows then. */
export async function move(stage: Stage, who: number, step: Step): Promise<void> {
  const real = stage.holders[who] as Holder;
  const what = step.label.slice(step.label.indexOf(' ') + 1);
  const made = { stage, who, real, step, what, after: step.after.holders[who] as Modelled };
  const [, act, check] = MOVES.find(([pattern]) => pattern.test(what)) ?? [];
  if (act === undefined || check === undefined) throw new Error(`"${step.label}" has no counterpart`);
  const report = await act(made);
  if (GIVES_UP.test(what)) {
    expectRefused(report);
    stage.kill(who);
  } else await check(made, report);
}

const MOVES: readonly (readonly [RegExp, Act, Check])[] = [
  [/^T0/, ({ real }) => real.beginTakeOver().next(), (_, report) => expectAt(report, 'relay_after_fence')],
  [/^T1/, goOn, (_, report) => expectAt(report, 'relay_after_init')],
  [/^T2/, writesBarrier, (_, report) => expectAt(report, 'relay_after_barrier')],
  [/^T4, a chunk/, goOn, checkChunk],
  [/^T4, the last/, lastChunk, checkTakenOver],
  [/^T5/, ({ real }) => reportOf(real.adopt()), checkSet],
  [/^attaches/, ({ real, what }) => reportOf(real.attach(publisherIn(what))), checkAttach],
  [/^detaches/, ({ real, what }) => reportOf(real.detach(publisherIn(what))), checkSet],
  [/^P1: claims/, claims, checkClaim],
  [/^P1: has/, answers, checkPrepared],
  [/^P2: sends/, sends, (_, report) => expectAt(report, 'relay_sent')],
  [/^EndTxn\(commit\)/, ends, checkCommitted],
  [/^EndTxn\(abort\)/, ends, checkAborted],
  [/^P3: settles/, ({ real }) => reportOf(real.settle(0)), (_, report) => void expectDone(report)],
  [/^parks/, ({ real }) => reportOf(real.park()), (_, report) => void expectDone(report)],
];

async function goOn({ real }: Move): Promise<Report<unknown>> {
  if (real.takeOver === null) throw new Deviation('no take-over is under way');
  return real.takeOver.next();
}

/** On a server that is gone, the next statement tells. */
async function writesBarrier(made: Move): Promise<Report<unknown>> {
  const report = await goOn(made);
  if (report.kind !== 'at' || !made.what.endsWith('its server is gone')) return report;
  return goOn(made);
}

/** Of whatever it settles, the product makes one chunk, its own barrier included. */
function checkChunk({ stage, real, after }: Move, report: Report<unknown>): void {
  expectAt(report, 'relay_after_chunk');
  stage.ahead.set(real.relay, after.until);
}

async function lastChunk({ real }: Move): Promise<Report<unknown>> {
  if (real.takeOver === null) throw new Deviation('no take-over is under way');
  return real.takeOver.to('relay_after_recovered');
}

async function checkTakenOver({ real, stage, after }: Move, report: Report<unknown>): Promise<void> {
  expectAt(report, 'relay_after_recovered');
  stage.ahead.delete(real.relay);
  const ended = await real.takeOver?.end();
  if (ended !== undefined) real.tookOver(expectDone(ended));
  same('the number of the last batch', real.seq, after.seq);
}

function checkSet({ real, after }: Move, report: Report<unknown>): void {
  expectDone(report);
  same('the set', real.set, after.set);
}

/** One that does not fit leaves the set as it is. */
function checkAttach({ real, step, after, what }: Move, report: Report<unknown>): void {
  const { pg } = step.before;
  const isRecovered = pg.relays.every(({ recoveredOn }, relay) => relay >= pg.n || recoveredOn === pg.id);
  const refusal = isRecovered ? 'stopped' : 'unrecovered';
  const kind = after.set.includes(publisherIn(what)) ? 'attached' : refusal;
  same('the answer to attach', expectDone(report), kind);
  same('the set', real.set, after.set);
}

/** Both ways to claim, as the state decides: a walk is the same when it is repeated. */
function claims({ real, stage, step, who }: Move): Promise<Report<unknown>> {
  const byId = (step.before.kafka.log.length + who) % 2 === 1;
  return real.beginClaim(real.set, stage.scope.batch, byId).next();
}

/** Nobody has looked at the answer yet, unless there is nothing in it. */
async function checkClaim(made: Move, report: Report<unknown>): Promise<void> {
  expectAt(report, 'answered');
  if (made.after.claim === null) checkPrepared(made, await answers(made));
}

async function answers({ real }: Move): Promise<Report<unknown>> {
  if (real.claiming === null) throw new Deviation('no claim is under way');
  return real.claiming.end();
}

function checkPrepared({ real, after }: Move, report: Report<unknown>): void {
  real.prepared = expectDone(report) as readonly OnTheWay[];
  real.claiming = null;
  same('the claim', idsOf(real.prepared), idsOf(after.prepared ?? []));
}

function sends({ real, stage, who }: Move): Promise<Report<unknown>> {
  return real.beginSend(stage.doomed.has(who)).next();
}

async function ends({ real }: Move): Promise<Report<unknown>> {
  if (real.sending === null) throw new Deviation('nothing is being sent');
  return real.sending.course.end();
}

function checkCommitted({ real }: Move, report: Report<unknown>): void {
  const result = expectDone(report) as TransactionResult;
  if (result.kind !== 'committed') throw new Deviation(`not committed: ${JSON.stringify(result)}`);
  real.seq += 1;
  real.settling = [...real.settling, { seq: real.seq, items: real.sending?.items ?? [], offset: result.ledgerOffset }];
  real.sending = null;
}

/** All that was claimed is pending again, the answer that nobody has looked at included. */
async function checkAborted({ real, stage, who, after }: Move, report: Report<unknown>): Promise<void> {
  const result = expectDone(report) as TransactionResult;
  if (result.kind !== 'refused') throw new Deviation(`not refused: ${JSON.stringify(result)}`);
  stage.doomed.delete(who);
  const items = real.sending?.items ?? [];
  real.sending = null;
  real.culprit = items.find(({ id }) => id === after.culprit?.id) ?? null;
  const running = real.claiming === null ? [] : expectDone(await real.claiming.end());
  real.claiming = null;
  real.drop([...items, ...real.prepared, ...running]);
}

function publisherIn(what: string): number {
  return Number(/P(\d+)/.exec(what)?.[1]);
}

export function idsOf(items: readonly (OnTheWay | Item)[]): number[] {
  return items.map(({ id }) => id);
}
