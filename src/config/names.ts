/** Warnings for OUTBOX_* names that nobody reads, with the known name they most resemble. */
export function unknownNames(env: NodeJS.ProcessEnv, known: readonly string[]): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('OUTBOX_') && !known.includes(name))
    .sort()
    .map((name) => {
      const nearest = known
        .map((other) => ({ other, distance: distance(name, other) }))
        .sort((a, b) => a.distance - b.distance)[0];
      const hint = nearest !== undefined && nearest.distance <= 6 ? ` Did you mean ${nearest.other}?` : '';
      return `${name} is not a variable of temporal-outbox and is ignored.${hint}`;
    });
}

/** Levenshtein distance, two rows. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
