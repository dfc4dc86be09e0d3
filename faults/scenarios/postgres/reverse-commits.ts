import type { Client } from 'pg';
import { plainDraft } from '../../acts/poison';
import { openSession } from '../../acts/sessions';
import { acknowledge } from '../../traffic/drafts';
import { enqueue } from '../../traffic/writers';
import type { Scenario, Scene } from '../../runner/scenario';

const WRITERS = 8;

export const reverseCommits: Scenario = {
  name: 'reverse-commits',
  group: 'postgres',
  about:
    'transactions that enqueued one after the other commit in reverse order of ids, each after the later ones were published',
  faults: ['committed_in_reverse'],
  tenants: 3,
  quick: true,
  async run(scene) {
    for (let round = 0; round < 3; round += 1) {
      await scene.strike('committed_in_reverse', async (fired) => {
        const sessions: Client[] = [];
        try {
          for (let index = 0; index < WRITERS; index += 1)
            sessions.push(await openSession(scene.rig.direct.databaseUrl));
          const ids = await commitInReverse(scene, sessions);
          if (ids.some((id, index) => BigInt(id) < BigInt(ids[index - 1] ?? 0))) throw new Error('ids do not rise');
          fired(`${WRITERS} transactions`);
        } finally {
          await Promise.all(sessions.map((client) => client.end()));
        }
      });
    }
  },
};

/** Resolves with the ids in the order of enqueueing. */
async function commitInReverse(scene: Scene, sessions: readonly Client[]): Promise<string[]> {
  const [tenant = ''] = scene.tenants;
  const written: { client: Client; draft: ReturnType<typeof plainDraft>; id: string }[] = [];
  for (const client of sessions) {
    const draft = { ...plainDraft(tenant, scene.topics[0] ?? ''), key: 'reversed' };
    await client.query('begin');
    written.push({ client, draft, id: await enqueue(client, draft) });
  }
  for (const { client, draft, id } of [...written].reverse()) {
    await client.query('commit');
    // At the same time as the others: no order between them.
    scene.produced([acknowledge(draft, { id, order: null, source: 'sql' })]);
    await untilPublished(scene, id);
  }
  return written.map(({ id }) => id);
}

async function untilPublished(scene: Scene, id: string): Promise<void> {
  const sql = `select 1 from outbox.events where event_id = $1 and status = 'published'`;
  for (let tries = 0; tries < 500; tries += 1) {
    if ((await scene.rig.installation.query(sql, [id])).length > 0) return;
  }
  throw new Error(`event ${id} committed late and was not published`);
}
