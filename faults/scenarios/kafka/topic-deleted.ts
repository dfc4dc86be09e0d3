import { setTimeout as delay } from 'node:timers/promises';
import { plainDraft } from '../../acts/poison';
import { createTopics, withAdmin } from '../../harness/topics';
import { until } from '../../harness/waiting';
import { untilCaughtUp } from '../../runner/recovery';
import type { Scenario } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';

export const topicDeleted: Scenario = {
  name: 'topic-deleted',
  group: 'kafka',
  about: 'a topic in use is deleted: its events wait, those of other topics flow; once it is there again, they follow',
  faults: ['topic_deleted'],
  workerEnv: { OUTBOX_TOPIC_CREATE: 'false' },
  async run(scene) {
    const brokers = scene.servers.addresses.kafkaBrokers;
    const doomed = `${scene.rig.options.name}-doomed`;
    const drafts = (tenants: readonly string[]) =>
      tenants.flatMap((tenant) => [1, 2, 3].map(() => plainDraft(tenant, doomed)));
    await createTopics(brokers, [doomed]);
    // What was published before is deleted with the topic: by a tenant that is not audited.
    const gone = `${scene.rig.options.name}-gone`;
    await scene.rig.installation.addTenants([gone]);
    await enqueueAll(scene.rig.direct.databaseUrl, drafts([gone]));
    await untilCaughtUp(scene.rig.installation, 30_000);
    await scene.strike('topic_deleted', async (fired) => {
      await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [doomed] }));
      fired(doomed);
      // The broker deletes a moment later; what it took until then would be gone with the topic.
      await delay(2_000);
      scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, drafts(scene.tenants)));
      await untilCaughtUp(scene.rig.installation, 30_000, [doomed]);
      const waiting = `select 1 from outbox.events where status = 'pending' and topic = $1`;
      const left = await scene.rig.installation.query(waiting, [doomed]);
      if (left.length !== drafts(scene.tenants).length)
        throw new Error(`${left.length} events wait for the deleted topic, not all`);
      await until('the topic to be there again', () =>
        createTopics(brokers, [doomed]).then(
          () => true,
          () => false,
        ),
      );
    });
  },
};
