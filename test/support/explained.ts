import { escapeIdentifier, escapeLiteral } from 'pg';
import type { PoolClient } from 'pg';
import type { Db } from '../../src/postgres/query';

interface Node {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Node[];
  readonly [more: string]: unknown;
}

interface Config {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/**
 * Runs statements as they are, each explained before in a transaction that is rolled back. `most` is the largest number of rows that one
 * node of a plan touched since the last `reset`: what it returned and what it threw away, over all its loops.
 */
export class ExplainedDb {
  most = 0;
  plan: unknown = null;
  readonly prepares = true;

  constructor(private readonly client: PoolClient) {}

  get db(): Db {
    return this as unknown as Db;
  }

  reset(): void {
    this.most = 0;
  }

  async query(statement: string | Config, values?: unknown[]): Promise<unknown> {
    const config = typeof statement === 'string' ? { text: statement, values: values ?? [] } : statement;
    await this.client.query('begin');
    await this.#explain(config);
    await this.client.query('rollback');
    return this.client.query(config as Config & { values: unknown[] });
  }

  /** A prepared one by the plan that the server has kept for it. */
  async #explain({ name, text, values = [] }: Config): Promise<void> {
    const explain = 'explain (analyze, timing off, format json)';
    const known = name !== undefined && (await this.#isPrepared(name));
    const { rows } = known
      ? await this.client.query(`${explain} execute ${escapeIdentifier(name)}(${values.map(literal).join(', ')})`)
      : await this.client.query(`${explain} ${text}`, values);
    const [row] = rows as { 'QUERY PLAN': [{ Plan: Node }] }[];
    const plan = row?.['QUERY PLAN'][0].Plan;
    if (plan === undefined) throw new Error('no plan');
    const most = mostRows(plan);
    if (most > this.most) this.plan = plan;
    this.most = Math.max(this.most, most);
  }

  async #isPrepared(name: string): Promise<boolean> {
    const { rows } = await this.client.query('select from pg_prepared_statements where name = $1', [name]);
    return rows.length > 0;
  }
}

function mostRows(node: Node): number {
  const removed = Object.entries(node).filter(([key]) => key.startsWith('Rows Removed by'));
  const each = removed.reduce((sum, [, rows]) => sum + Number(rows), node['Actual Rows']);
  return Math.max(each * node['Actual Loops'], ...(node.Plans ?? []).map(mostRows));
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return escapeLiteral(`{${value.map((item) => JSON.stringify(String(item))).join(',')}}`);
  return value === null ? 'null' : escapeLiteral(String(value));
}
