import { Counter, Gauge, Histogram, collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import { METRICS } from './metric-definitions';
import type { MetricDefinition } from './define-metric';
import { TenantLabels } from './tenant-labels';

type Definitions = typeof METRICS;
type MetricOf<D> = D extends { type: infer T; labels: (infer L extends string)[] }
  ? { counter: Counter<L>; gauge: Gauge<L>; histogram: Histogram<L> }[T & MetricDefinition['type']]
  : never;

export type Metrics = { readonly [K in keyof Definitions]: MetricOf<Definitions[K]> } & {
  readonly registry: Registry;
  /** The label of a tenant in this process' counters. */
  readonly tenants: TenantLabels;
};

/** From a lingering drain (milliseconds) to a backlog that had to wait for a healed broker (an hour). */
const LATENCY_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300, 3_600];

export interface MetricsOptions {
  readonly version: string;
  /** Most tenants that counters name. */
  readonly tenants?: number;
}

/** Registers everything, Node's process metrics included, in a registry of the caller's; once per registry. */
export function createMetrics(registry: Registry, options: MetricsOptions): Metrics {
  collectDefaultMetrics({ register: registry });
  const metrics = Object.fromEntries(
    Object.entries<MetricDefinition>(METRICS).map(([key, definition]) => [key, create(registry, definition)]),
  ) as unknown as Metrics;
  metrics.buildInfo.set({ version: options.version, node: process.version }, 1);
  return { ...metrics, registry, tenants: new TenantLabels(options.tenants ?? 50) };
}

function create(registry: Registry, definition: MetricDefinition): Counter | Gauge | Histogram {
  const { type, name, help, labels, owner } = definition;
  const settings = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'counter') return new Counter(settings);
  if (type === 'histogram') return new Histogram({ ...settings, buckets: LATENCY_BUCKETS });
  const gauge = new Gauge(settings);
  // It starts at 0, which in a process that does not count would be a lie.
  if (owner === 'sweeper' && labels.length === 0) gauge.remove();
  return gauge;
}
