import type { Client } from 'pg';

interface Node {
  readonly 'Index Name'?: string;
  readonly 'Node Type': string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

/** Server time, pages and indexes of one execution of a prepared statement: with the plan that it really has by now. */
export async function explainPrepared(client: Client, name: string, values: readonly unknown[]): Promise<string> {
  const literals = values.map((value) =>
    client.escapeLiteral(Array.isArray(value) ? `{${value.map(String).join()}}` : String(value)),
  );
  const list = literals.length > 0 ? `(${literals.join()})` : '';
  const { rows } = await client.query<{ 'QUERY PLAN': [{ 'Execution Time': number; Plan: Node }] }>(
    `explain (analyze, buffers, timing off, format json) execute ${client.escapeIdentifier(name)}${list}`,
  );
  const [top] = rows[0]?.['QUERY PLAN'] ?? [];
  if (top === undefined) return 'no plan';
  const pages = (top.Plan['Shared Hit Blocks'] ?? 0) + (top.Plan['Shared Read Blocks'] ?? 0);
  return `server ${top['Execution Time'].toFixed(2)} ms, ${pages} pages, ${[...new Set(indexes(top.Plan))].join()}`;
}

/** The plan of the prepared settle, a line each. */
export async function settlePlan(client: Client): Promise<string> {
  const { rows } = await client.query<Record<string, string>>(`explain execute settle('{a,b}', '{1,2}')`);
  return rows.map((row) => `\n      ${row['QUERY PLAN']}`).join('');
}

function indexes(node: Node): string[] {
  const own = node['Index Name'] ?? (node['Node Type'] === 'Seq Scan' ? 'seq scan' : undefined);
  return [...(own === undefined ? [] : [own]), ...(node.Plans ?? []).flatMap(indexes)];
}
