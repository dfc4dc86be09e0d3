/**
 * A signal that follows two others. AbortSignal.any would do, but on Node 20 it keeps every follower of a long-lived
 * signal in memory, and the worker's own stop signal lives as long as the process.
 */
export function firstOf(a: AbortSignal, b: AbortSignal): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of [a, b]) {
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: controller.signal,
    release: () => [a, b].forEach((signal) => signal.removeEventListener('abort', abort)),
  };
}
