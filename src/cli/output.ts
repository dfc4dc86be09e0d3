import Table from 'cli-table3';

/** Prints one JSON document, for scripts. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints to stderr what a script that reads stdout should not see. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
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
  for (const row of rows) table.push(row.map(cell));
  print(table.toString());
}

/** Prints records as a table of the named columns. */
export function printRecords(columns: readonly string[], records: readonly Record<string, unknown>[]): void {
  printTable(
    columns,
    records.map((record) => columns.map((column) => record[column])),
  );
}

/** Prints one record, a field per line. */
export function printFields(record: Record<string, unknown>): void {
  const width = Math.max(0, ...Object.keys(record).map((name) => name.length));
  for (const [name, value] of Object.entries(record)) print(`${name.padEnd(width)}  ${cell(value)}`);
}

/**
 * One value as text of one line. Names, types and error texts come from tenants: a control character among them could rewrite what
 * the operator sees on the terminal, a direction mark could reorder it.
 */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** Writes control and direction characters as \u escapes. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The record without the named fields. */
export function without(record: Record<string, unknown>, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** The list under `name` of an answer, as records. */
export function listOf(answer: unknown, name: string): readonly Record<string, unknown>[] {
  const value = recordOf(answer)[name];
  return Array.isArray(value) ? value.map(recordOf) : [];
}

export function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
