/** One kind of violation: how often, and the first few for a human to look at. */
export interface Finding {
  readonly count: number;
  /** At most 20 texts. */
  readonly examples: readonly string[];
}

export const FINDING_KINDS = [
  'missing',
  'duplicates',
  'unexpected',
  'wrongTenant',
  'orderBreaks',
  'payloadDiffers',
  'headerFaults',
  'undecided',
] as const;

/**
 * missing         acknowledged, but no committed copy in Kafka
 * duplicates      the same event twice without a replay id, or twice under one replay id
 * unexpected      a committed event of an audited tenant that nobody was told about (for example of a rolled-back transaction)
 * wrongTenant     tenant header, message key or topic belong to another tenant than the event
 * orderBreaks     an event published before one that was enqueued earlier under the same (tenant, key)
 * payloadDiffers  other bytes than were accepted
 * headerFaults    a mandatory header is missing, double or wrong, or a caller's header was lost
 * undecided       records beyond the last stable offset: a transaction was left open
 */
export type FindingKind = (typeof FINDING_KINDS)[number];

/** What happened to one tenant's events: accepted = pending + published + failed + skipped + purged must hold. */
export interface TenantBalance {
  readonly tenant: string;
  /** Surely acknowledged, by the producers' log. */
  readonly accepted: number;
  /** Lost answers, by the producers' log: each may be in the outbox or not. */
  readonly maybe: number;
  readonly pending: number;
  readonly published: number;
  readonly failed: number;
  readonly skipped: number;
  /** Deleted by retention after they were published or skipped. */
  readonly purged: number;
  /** False if the outbox holds fewer events than were accepted, or more than accepted + maybe. */
  readonly balanced: boolean;
}

export interface AuditReport {
  /** True only if nothing at all is wrong, including the conditions `minEvents` and `requireFired`. */
  readonly clean: boolean;
  readonly acknowledged: number;
  readonly tenants: number;
  readonly topics: readonly string[];
  /** Of those, events whose id another one has, too: a fail-over had lost the other one when it was given again. */
  readonly idsGivenAgain: number;
  /** Distinct acknowledged events of which a committed copy was seen. */
  readonly seen: number;
  /** Committed records read, of all tenants. */
  readonly committed: number;
  /** Records that only `read_uncommitted` consumers see: sent, and not committed. */
  readonly aborted: number;
  /** Deliberate copies, marked with a replay id. */
  readonly replays: number;
  /** Lost answers whose event turned out to exist. */
  readonly maybeSeen: number;
  /** Committed records of tenants that the log does not speak of; not judged. */
  readonly foreign: number;
  readonly findings: Readonly<Record<FindingKind, Finding>>;
  /** Conditions on the run itself that do not hold, such as too few events or a fault that never fired. */
  readonly unmet: readonly string[];
  /** How often each required fault fired. */
  readonly fired: Readonly<Record<string, number>>;
  /** null without a database to ask. */
  readonly balances: readonly TenantBalance[] | null;
  readonly elapsedMs: number;
}

const EXAMPLES = 20;

/** Collects violations; memory stays bounded however many there are. */
export class Findings {
  readonly #counts = new Map<FindingKind, { count: number; examples: string[] }>();

  add(kind: FindingKind, example: string): void {
    const entry = this.#counts.get(kind) ?? { count: 0, examples: [] };
    entry.count += 1;
    if (entry.examples.length < EXAMPLES) entry.examples.push(example);
    this.#counts.set(kind, entry);
  }

  get any(): boolean {
    return this.#counts.size > 0;
  }

  result(): Record<FindingKind, Finding> {
    const of = (kind: FindingKind): Finding => this.#counts.get(kind) ?? { count: 0, examples: [] };
    return {
      missing: of('missing'),
      duplicates: of('duplicates'),
      unexpected: of('unexpected'),
      wrongTenant: of('wrongTenant'),
      orderBreaks: of('orderBreaks'),
      payloadDiffers: of('payloadDiffers'),
      headerFaults: of('headerFaults'),
      undecided: of('undecided'),
    };
  }
}

/** The report for a terminal. */
export function renderReport(report: AuditReport): string {
  const lines = [
    `${report.clean ? 'CLEAN' : 'VIOLATIONS FOUND'}: ${report.acknowledged} acknowledged events of ${report.tenants} tenants, ` +
      `${report.seen} seen on ${report.topics.length} topics in ${report.elapsedMs} ms`,
    `  committed ${report.committed}  aborted ${report.aborted}  replays ${report.replays}  ` +
      `lost answers that exist ${report.maybeSeen}  of other tenants ${report.foreign}`,
  ];
  for (const kind of FINDING_KINDS) {
    const finding = report.findings[kind];
    lines.push(
      `  ${kind.padEnd(15)} ${finding.count}`,
      ...finding.examples.slice(0, 5).map((example) => `    ${example}`),
    );
  }
  for (const [name, count] of Object.entries(report.fired)) lines.push(`  fault ${name}: fired ${count} times`);
  for (const balance of report.balances ?? []) {
    lines.push(
      `  ${balance.balanced ? 'balanced  ' : 'UNBALANCED'} ${balance.tenant}: accepted ${balance.accepted}` +
        `${balance.maybe > 0 ? ` (+${balance.maybe} lost answers)` : ''} = pending ${balance.pending} + published ${balance.published}` +
        ` + failed ${balance.failed} + skipped ${balance.skipped} + purged ${balance.purged}`,
    );
  }
  lines.push(...report.unmet.map((text) => `  UNMET ${text}`));
  return `${lines.join('\n')}\n`;
}
