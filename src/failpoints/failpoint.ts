import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError } from '../domain/errors';
import { parseFailpoints } from './plan';
import type { ArmedFailpoint, FailpointAction, FailpointName } from './plan';

export type { FailpointName } from './plan';

/** One line of OUTBOX_FAILPOINTS_LOG: the proof that a planned fault really happened. */
export interface FiredProof {
  readonly name: string;
  readonly action: string;
  readonly pid: number;
  /** ISO-8601 in UTC. */
  readonly at: string;
}

interface Armed {
  readonly points: readonly ArmedFailpoint[];
  readonly hits: Map<FailpointName, number>;
  readonly log: string;
}

// Read once when the module loads: in production this is null and a failpoint costs two comparisons. The hit counters
// live inside it because "the n-th time in this process" is a fact of the process, as the signals that are sent are.
const armed = arm(process.env);

/** Holds work of this process where a test wants it, so that other steps can come in between. */
export type FailpointGate = (name: FailpointName) => Promise<void> | void;

let gate: FailpointGate | null = null;

/** For tests that take the product's steps one by one in their own process; null = work is held nowhere. */
export function gateFailpoints(held: FailpointGate | null): void {
  gate = held;
}

/**
 * Marks a place where tests may crash, freeze or delay the process. Does nothing unless OUTBOX_FAILPOINTS names it.
 * Always `await failpoint('…')`: the actions `sleep` and `error` reach the caller only through it.
 */
export function failpoint(name: FailpointName): Promise<void> | void {
  if (gate !== null) return gate(name);
  if (armed === null) return;
  return hit(armed, name);
}

/** True when this process was started to be crashed; `main` logs it. */
export function failpointsActive(): boolean {
  return armed !== null;
}

function arm(env: NodeJS.ProcessEnv): Armed | null {
  const text = env['OUTBOX_FAILPOINTS'] ?? '';
  if (text === '') return null;
  const points = parseFailpoints(text);
  const log = env['OUTBOX_FAILPOINTS_LOG'] ?? '';
  if (log === '') {
    throw new OutboxError(
      'CONFIG_INVALID',
      'OUTBOX_FAILPOINTS is set without OUTBOX_FAILPOINTS_LOG: name a file that proves which failpoints fired.',
    );
  }
  process.stderr.write(
    `WARNING: failpoints are active (${text}). This process will crash or misbehave on purpose; unset OUTBOX_FAILPOINTS in production.\n`,
  );
  return { points, hits: new Map(), log };
}

function hit(state: Armed, name: FailpointName): Promise<void> | void {
  const count = (state.hits.get(name) ?? 0) + 1;
  state.hits.set(name, count);
  const due = state.points.find((point) => point.name === name && point.hit === count);
  if (due === undefined) return;
  prove(state.log, { name, action: due.action.kind, pid: process.pid, at: new Date().toISOString() });
  return act(name, due.action);
}

/** Written and synced before acting: after SIGKILL nobody could. */
function prove(path: string, proof: FiredProof): void {
  const file = openSync(path, 'a');
  try {
    writeSync(file, `${JSON.stringify(proof)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function act(name: FailpointName, action: FailpointAction): Promise<void> | void {
  switch (action.kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'error':
      throw new Error(`failpoint ${name}: this error was asked for by OUTBOX_FAILPOINTS`);
    case 'sleep':
      return delay(action.ms);
    case 'block':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, action.ms);
      return;
  }
}
