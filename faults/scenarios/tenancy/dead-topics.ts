import { publisherId } from '../../../src/domain/publisher';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { plainDraft } from '../../acts/poison';
import { withTemporal } from '../../acts/temporal';
import { createTopics } from '../../harness/topics';
import { until } from '../../harness/waiting';
import { untilCaughtUp } from '../../runner/recovery';
import type { Scenario, Scene } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';

export const deadTopics: Scenario = {
  name: 'dead-topics',
  group: 'tenancy',
  about:
    "one tenant's topics do not exist: its breaker opens, all others flow; once the topics are there, its events follow",
  faults: ['topics_dead'],
  workerEnv: { OUTBOX_TOPIC_CREATE: 'false' },
  async run(scene) {
    const { installation, options } = scene.rig;
    const tenant = `${options.name}-dead`;
    const topics = [1, 2].map((number) => `${tenant}-${number}`);
    await installation.addTenants([tenant]);
    await scene.strike('topics_dead', async (fired) => {
      const drafts = topics.flatMap((topic) => Array.from({ length: 20 }, () => plainDraft(tenant, topic)));
      scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, drafts));
      await until('the breaker to open', async () => (await breakerOf(scene, tenant)) !== 'closed');
      fired(`breaker of ${tenant} open`);
      const othersMs = await untilCaughtUp(installation, 10_000, topics);
      scene.log(`the others caught up in ${othersMs} ms meanwhile`);
      await createTopics(scene.servers.addresses.kafkaBrokers, topics);
    });
  },
};

/** From the workflow: the row names the nearer of breaker and back-off. `closed` while there is no workflow yet. */
function breakerOf(scene: Scene, tenant: string): Promise<string> {
  return withTemporal(scene, async ({ workflow }) => {
    const handle = workflow.getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }));
    const state = await handle.query<PublisherState>('state').catch(() => null);
    return state?.breaker.state ?? 'closed';
  });
}
