import { setTimeout as delay } from 'node:timers/promises';
import { acknowledge } from '../../traffic/drafts';
import { enqueue } from '../../traffic/writers';
import { plainDraft } from '../../acts/poison';
import { withSession } from '../../acts/sessions';
import { untilCaughtUp } from '../../runner/recovery';
import type { Scenario } from '../../runner/scenario';

export const longTransaction: Scenario = {
  name: 'long-transaction',
  group: 'postgres',
  about:
    'a transaction that enqueued early commits late: nobody waits for it meanwhile, and its events, with lower ids than all others by then, are not skipped',
  faults: ['late_commit'],
  async run(scene) {
    await scene.strike('late_commit', (fired) =>
      withSession(scene.rig.direct.databaseUrl, async (client) => {
        const drafts = scene.tenants.map((tenant) => plainDraft(tenant, scene.topics[0] ?? ''));
        await client.query('begin');
        const ids: string[] = [];
        for (const draft of drafts) ids.push(await enqueue(client, draft));
        await delay(scene.seconds * 1_000);
        await untilCaughtUp(scene.rig.installation, 30_000);
        await client.query('commit');
        fired(`after ${scene.seconds} s`);
        scene.produced(
          drafts.map((draft, index) => acknowledge(draft, { id: ids[index] ?? null, order: null, source: 'sql' })),
        );
      }),
    );
  },
};
