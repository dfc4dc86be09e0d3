import { plainDraft } from '../../acts/poison';
import { createTopics } from '../../harness/topics';
import { until } from '../../harness/waiting';
import { untilCaughtUp } from '../../runner/recovery';
import type { Scenario } from '../../runner/scenario';
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
      await until('the breaker to open', async () => {
        const sql = `select 1 from outbox.publishers where tenant_id = $1 and state = 'open'`;
        return (await installation.query(sql, [tenant])).length > 0;
      });
      fired(`breaker of ${tenant} open`);
      const othersMs = await untilCaughtUp(installation, 10_000, topics);
      scene.log(`the others caught up in ${othersMs} ms meanwhile`);
      await createTopics(scene.servers.addresses.kafkaBrokers, topics);
    });
  },
};
