import { largeAndSmall } from '../../acts/poison';
import { createTopics } from '../../harness/topics';
import type { Scenario } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';

export const poisonEvents: Scenario = {
  name: 'poison-events',
  group: 'tenancy',
  about:
    'events larger than their topic takes (MESSAGE_TOO_LARGE) among others: exactly they are parked, with their reason; all else is published',
  faults: ['event_too_large'],
  quick: true,
  async run(scene) {
    const topic = `${scene.rig.options.name}-narrow`;
    await createTopics(scene.servers.addresses.kafkaBrokers, [topic], { [topic]: 2_000 });
    const rounds = 3;
    for (let round = 0; round < rounds; round += 1) {
      await scene.strike('event_too_large', async (fired) => {
        const drafts = scene.tenants.flatMap((tenant) => largeAndSmall(tenant, topic));
        scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, drafts));
        fired(`${scene.tenants.length} events`);
      });
    }
    const [row] = await scene.rig.installation.query<{ failed: number }>(
      `select count(*)::int as failed from outbox.events where status = 'failed' and error_code is not null`,
    );
    const wanted = rounds * scene.tenants.length;
    if (row?.failed !== wanted) throw new Error(`${row?.failed} events are parked with a reason, not ${wanted}`);
  },
};
