import Table from 'cli-table3';

/** Prints one JSON document, for scripts. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints rows under a head, without frames or colours, so that they can be cut and grepped. */
export function printTable(head: readonly string[], rows: readonly (readonly unknown[])[]): void {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
  };
  const more = {
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const table = new Table({
    head: head.map((name) => name.toUpperCase()),
    chars: { ...none, ...more },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map((cell) => (cell === null || cell === undefined ? '-' : String(cell))));
  print(table.toString());
}

/** The list under `name` of an answer, as records. */
export function listOf(answer: unknown, name: string): readonly Record<string, unknown>[] {
  const value = recordOf(answer)[name];
  return Array.isArray(value) ? value.map(recordOf) : [];
}

export function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
