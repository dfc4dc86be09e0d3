import { randomBytes } from 'node:crypto';
import { withAdmin } from '../../faults/harness/topics';
import { RIG_RELAYS } from './relay-rig';
import type { RelayRigPlaces } from './relay-rig';
import { createLedTopics } from '../../src/kafka/create-topics';

const LEDGER_CONFIG = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'message.timestamp.type': 'LogAppendTime',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '-1',
};

/** A topic whose partition i has the i-th list of replicas, the leader first. */
export async function placeTopic(
  brokers: string,
  topic: string,
  replicas: readonly (readonly number[])[],
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    await createLedTopics(admin, [
      {
        topic,
        replicaAssignment: replicas.map((list, partition) => ({ partition, replicas: [...list] })),
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      },
    ]);
  });
}

/**
 * An installation that has nothing on this broker: neither ledgers nor the coordinators of its relays and probes. For a cluster whose log of
 * transactions has one replica; with three, each coordinator waits for a broker that died until it is out of the set in sync.
 */
export async function awayFrom(brokers: string, broker: number): Promise<RelayRigPlaces> {
  const leaders = await withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: ['__transaction_state'] });
    return new Map(topics[0]?.partitions.map(({ partitionId, leader }) => [partitionId, leader]));
  });
  const coordinator = (id: string): number | undefined => leaders.get(Math.abs(hashOf(id)) % leaders.size);
  const others = [1, 2, 3].filter((node) => node !== broker);
  for (;;) {
    const installId = randomBytes(6).toString('hex');
    const own = Array.from({ length: RIG_RELAYS }, (_, relay) => [`relay-${relay}`, `probe-admission-${relay}-0`]);
    if (own.flat().some((name) => coordinator(`outbox.${installId}.${name}`) === broker)) continue;
    const replicas = Array.from({ length: RIG_RELAYS }, (_, relay) => [others[relay % others.length] ?? 1]);
    return { installId, makeLedger: (topic) => placeTopic(brokers, topic, replicas, LEDGER_CONFIG) };
  }
}

/** As Java hashes a string. */
function hashOf(text: string): number {
  let hash = 0;
  for (const unit of text) hash = (Math.imul(31, hash) + unit.charCodeAt(0)) | 0;
  return hash;
}
