/** Stands still for `ms` within one step, as a frozen process does; Date does not move in a workflow, so by waiting for nobody. */
export async function stalled(ms: number): Promise<string> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return Promise.resolve('went on');
}
