/** Throws unless both read the same as JSON: a walk asks this a hundred thousand times, for which `expect` is too slow. */
export function same(actual: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${is} in place of ${should}`);
}
