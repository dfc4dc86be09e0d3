import type { Stack } from '../../src/stack';

/** Jest loads setup and teardown in separate module registries: what they share hangs on the global object. */
const KEY = Symbol.for('temporal-outbox.test-stack');

interface RunState {
  stack: Stack;
  dataDir: string;
}

export function setRunState(state: RunState | undefined): void {
  (globalThis as Record<symbol, unknown>)[KEY] = state;
}

export function getRunState(): RunState | undefined {
  return (globalThis as Record<symbol, unknown>)[KEY] as RunState | undefined;
}
