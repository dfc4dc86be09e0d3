import { audit } from '../../src/audit/audit';
import type { AuditReport } from '../../src/audit/audit';
import type { Acknowledged } from '../../src/audit/acknowledged';
import type { Scene } from '../runner/scenario';

/** The audit of a scenario whose database has lost what Kafka has: everything is there once and in order, and nothing else is. */
export function auditKafka(
  scene: Scene,
  acknowledged: readonly Acknowledged[],
  fired: readonly string[],
): Promise<AuditReport> {
  return audit({
    kafka: { clientId: 'fault-audit', brokers: scene.servers.addresses.kafkaBrokers.split(',') },
    acknowledged,
    topics: scene.topics,
    minEvents: 30,
    requireFired: { files: [scene.rig.faults.path], names: fired },
  });
}
