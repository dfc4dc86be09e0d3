/** Runs a statement and resolves with its rows. */
export type Query = <R>(text: string, values?: unknown[]) => Promise<R[]>;

interface Balance {
  readonly tenant: string;
  readonly pending: number;
  readonly published: number;
  readonly failed: number;
  readonly skipped: number;
  readonly others: number;
}

/**
 * What the run itself stored, per tenant, to compare the outbox with: figures of a run that lost or doubled events are worth
 * nothing, however fast it was.
 */
export class Account {
  readonly #accepted = new Map<string, number>();

  /** `events` more are committed for this tenant. */
  accepted(tenant: string, events: number): void {
    this.#accepted.set(tenant, (this.#accepted.get(tenant) ?? 0) + events);
  }

  /**
   * Throws unless for each of these tenants accepted = pending + published + failed + skipped, and everything published has a place
   * in Kafka of its own. With `drained` nothing may be left. One statement, so it holds while tenants still drain.
   */
  async check(
    query: Query,
    tenants: readonly string[],
    { drained }: { readonly drained: boolean },
  ): Promise<{ readonly accepted: number; readonly published: number }> {
    const rows = await query<Balance>(
      `select tenant_id as tenant, ${['pending', 'published', 'failed', 'skipped'].map(counted).join(', ')},
         (count(*) filter (where status not in ('pending', 'published', 'failed', 'skipped')))::float8 as others
       from outbox.events where tenant_id = any ($1::text[]) group by tenant_id`,
      [tenants],
    );
    const balances = new Map(rows.map((row) => [row.tenant, row]));
    const total = { accepted: 0, published: 0 };
    const wrong: string[] = [];
    for (const tenant of tenants) {
      const accepted = this.#accepted.get(tenant) ?? 0;
      const { pending = 0, published = 0, failed = 0, skipped = 0, others = 0 } = balances.get(tenant) ?? {};
      const held = pending + published + failed + skipped;
      if (held !== accepted || others > 0 || (drained && published !== accepted)) {
        wrong.push(
          `${tenant}: ${accepted} accepted, ${pending} pending, ${published} published, ${failed} failed, ${skipped} skipped`,
        );
      }
      total.accepted += accepted;
      total.published += published;
    }
    const [places] = await query<{ without: number; doubled: number }>(
      `select coalesce(sum(n) filter (where place is null), 0)::float8 as without,
              coalesce(sum(n - 1) filter (where place is not null), 0)::float8 as doubled
       from (select count(*) as n, topic || '/' || topic_partition || '@' || topic_offset as place from outbox.events
             where tenant_id = any ($1::text[]) and status = 'published' group by 2) p where n > 1 or place is null`,
      [tenants],
    );
    if (places === undefined) throw new Error('counting places returned no row');
    if (places.without > 0) wrong.push(`${places.without} published events have no place in Kafka`);
    if (places.doubled > 0) wrong.push(`${places.doubled} published events share a place in Kafka with another`);
    if (wrong.length > 0) throw new Error(`the account does not balance:\n${wrong.slice(0, 20).join('\n')}`);
    return total;
  }
}

function counted(status: string): string {
  return `(count(*) filter (where status = '${status}'))::float8 as ${status}`;
}
