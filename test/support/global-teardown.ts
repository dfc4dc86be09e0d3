import { rmSync } from 'node:fs';
import { getRunState, setRunState } from './run-state';

/** Jest has printed its summary by now; what still runs a moment later are handles that will not go away. */
const PATIENCE_MS = 1_000;

/**
 * Ends the stack of the run. Jest calls it once, after all tests, with the project of whichever test it lists first: that may be a unit
 * test although a stack runs, which would then keep the run from ever ending. The Temporal SDK's native runtime keeps a
 * process alive once a worker or connection was made in it, which happens here when few test files make jest run them
 * in its own process. Jest's forceExit does the same as the timer, but prints a warning behind the summary.
 */
export default async function globalTeardown(): Promise<void> {
  const run = getRunState();
  setRunState(undefined);
  await run?.stack.stop();
  if (run !== undefined) rmSync(run.dataDir, { recursive: true, force: true });
  setTimeout(() => process.exit(), PATIENCE_MS).unref();
}
