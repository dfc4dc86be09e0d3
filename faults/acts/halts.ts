import { audit } from '../../src/audit/audit';
import type { AuditReport } from '../../src/audit/audit';
import type { Acknowledged } from '../../src/audit/acknowledged';
import { until } from '../harness/waiting';
import type { Scene } from '../runner/scenario';

/** Resolves when the publisher of every tenant has halted, and says so in its row. */
export async function untilHalted(scene: Scene): Promise<void> {
  await until('every publisher halted', async () => {
    const [row] = await scene.rig.installation.query<{ halted: number }>(
      'select count(*)::int as halted from outbox.publishers where halted is not null',
    );
    return row?.halted === scene.tenants.length;
  });
}

/**
 * The audit of a scenario that ends with halted publishers: what was published before is there once and in order, and
 * nothing else is, for nobody is told of what was enqueued afterwards.
 */
export function auditHalted(
  scene: Scene,
  before: readonly Acknowledged[],
  fired: readonly string[],
): Promise<AuditReport> {
  return audit({
    kafka: { clientId: 'fault-audit', brokers: scene.servers.addresses.kafkaBrokers.split(',') },
    acknowledged: before,
    topics: scene.topics,
    minEvents: 30,
    requireFired: { files: [scene.rig.faults.path], names: fired },
  });
}
