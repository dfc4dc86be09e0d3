/** The label value of all tenants that have no series of their own. */
export const OTHER_TENANTS = 'other';

/**
 * Gives the first `most` tenants of a process a label value of their own, and all later ones `other`. First come and for good,
 * because a counter must not lose a series: one that goes to another tenant and comes back looks like a restart to Prometheus.
 */
export class TenantLabels {
  private readonly named = new Set<string>();

  constructor(private readonly most: number) {}

  of(tenant: string): string {
    if (this.named.has(tenant)) return tenant;
    // A tenant of that very name shares the series of the others: the label must not say less than it seems to.
    if (this.named.size >= this.most || tenant === OTHER_TENANTS) return OTHER_TENANTS;
    this.named.add(tenant);
    return tenant;
  }
}
