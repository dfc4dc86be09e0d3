import { METRICS } from './metric-definitions';
import type { MetricDefinition, MetricOwner } from './define-metric';

const OWNERS: readonly (readonly [MetricOwner, string])[] = [
  [
    'sweeper',
    'Counted in Postgres by the one worker that leads the sweep, every OUTBOX_METRICS_INTERVAL, never per scrape. When the lead moves, the series move with it; a worker that does not lead exposes none of them.',
  ],
  ['worker', 'Counted where it happens. Sum over all workers.'],
  ['api', 'Counted where it happens. Sum over all api processes.'],
  ['every process', ''],
];

/** docs/metrics.md */
export function renderMetricsMarkdown(): string {
  const lines = [
    '# Metrics',
    '',
    '<!-- Written by `node scripts/generate-metrics-docs.mjs` from src/telemetry/metric-definitions.ts; edit that instead. -->',
    '',
    'Every process serves `/metrics` in the format of Prometheus: an api process on `OUTBOX_ADMIN_PORT`, a worker on',
    "`OUTBOX_WORKER_PORT`. Node's own process metrics (`process_…`, `nodejs_…`) are there too.",
    '',
    'The label `tenant_id` is bounded by `OUTBOX_METRICS_TENANTS` (50). Gauges name the tenants with the largest backlog and those whose',
    'breaker is not closed; a tenant whose backlog is gone stays at 0 until another needs its place, and goes when the tenant is deleted.',
    'Counters name the first tenants that a process met, for good. Everything else is in `other`.',
    '',
    'States of waiting events: `pending` (somebody is at it, or a wake is on its way), `throttled` (quota, or a pause after a failure),',
    '`paused`, `open` (breaker), `held` (behind a parked event of the same key), `blocked` (for a topic that takes nothing).',
  ];
  for (const [owner, about] of OWNERS) {
    lines.push('', `## ${owner[0]?.toUpperCase()}${owner.slice(1)}`, '');
    if (about !== '') lines.push(about, '');
    lines.push('| Metric | Type | Labels | Meaning |', '| --- | --- | --- | --- |');
    for (const metric of Object.values<MetricDefinition>(METRICS).filter((one) => one.owner === owner)) {
      const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
      lines.push(`| \`${metric.name}\` | ${metric.type} | ${labels} | ${metric.help.replaceAll('|', '\\|')} |`);
    }
  }
  lines.push('', ...EXAMPLES);
  return `${lines.join('\n')}\n`;
}

const EXAMPLES = [
  '## What to alert on',
  '',
  '| Question | Expression |',
  '| --- | --- |',
  '| Does a tenant wait although nobody told it to? | `max(outbox_oldest_pending_age_seconds{state=~"pending\\|throttled"}) > 60` |',
  "| Is a tenant's destination broken? | `avg_over_time(memory_circuit_state[5m]) >= 0.9` |",
  '| Must somebody decide? | `max(outbox_relays_halted) > 0` |',
  '| Are events parked? | `sum by (tenant_id, code) (increase(outbox_events_parked_total[10m])) > 0` |',
  '| Does anybody count? | `time() - max(outbox_metrics_collected_timestamp_seconds) > 120` |',
  '| How fast is it? | `sum(rate(outbox_events_published_total[1m]))` |',
];
