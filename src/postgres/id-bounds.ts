/**
 * Smallest and largest of ids in decimal; a batch of two lanes, or recorded anew, is not in order.
 * Beside the ids themselves they say nothing new, but show the planner how narrow the batch is: without them, and with statistics
 * older than the tenant's first events, it reads the tenant's whole history.
 */
export function idBounds(ids: readonly string[]): [string | null, string | null] {
  let min: bigint | null = null;
  let max: bigint | null = null;
  for (const text of ids) {
    const id = BigInt(text);
    if (min === null || id < min) min = id;
    if (max === null || id > max) max = id;
  }
  return [min?.toString() ?? null, max?.toString() ?? null];
}
