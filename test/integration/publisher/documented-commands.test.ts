import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig } from '../../../faults/harness/rig';
import { everythingId } from '../../../src/temporal/everything';
import { createTopics, sharedServers, until } from '../../support/fault-run';
import { temporalCli } from '../../support/temporal-cli';

/** The commands that docs/operations.md has to paste, pasted. */
describe('documented commands about events, tenant and everything', () => {
  let rig: Rig;
  let tenant: string;

  beforeAll(async () => {
    rig = await Rig.start({ name: 'pasted', servers: sharedServers() });
    [tenant = ''] = await rig.tenants(2);
    await createTopics(rig.direct.kafkaBrokers, [`${tenant}-topic`, `${tenant}-other`]);
    await rig.worker({ env: { OUTBOX_LINGER: '50ms' } });
    await rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $1 || '-topic', type => 't', payload => '{}'::jsonb)`,
      [tenant],
    );
    await until('the publisher runs', async () => (await statuses())[0] === 'published');
  });
  afterAll(async () => {
    await temporalCli(`temporal workflow terminate -w ${everythingOf()}`).catch(() => undefined);
    await rig.close();
  });

  const everythingOf = (): string => everythingId(`queue-${rig.options.name}`);
  /** The lines of the section that begins with this heading. */
  const linesOf = (heading: string): string[] => {
    const docs = readFileSync(join(__dirname, '../../../docs/operations.md'), 'utf8');
    const section = docs.slice(docs.indexOf(`\n${heading}\n`) + heading.length + 2).split(/\n#+ /)[0] ?? '';
    return section.split('\n').filter((line) => line.startsWith('temporal workflow '));
  };
  const statuses = async (): Promise<string[]> => {
    const rows = await rig.installation.query<{ status: string }>(
      'select status from outbox.events where tenant_id = $1 order by event_id',
      [tenant],
    );
    return rows.map(({ status }) => status);
  };
  const audited = (): Promise<unknown[]> =>
    rig.installation.query(`select actor, action, why from outbox.audit order by audit_id`);

  it('change events and the tenant', async () => {
    const rows = await rig.installation.query<{ id: string }>(
      `insert into outbox.events (tenant_id, topic, event_type, ordering_key, dedupe_key, payload, status, error_code, error_reason, failed_at)
       select $1, $1 || '-topic', 't', 'order-' || n, n::text, '', 'failed', 'EVENT_TOO_LARGE', 'x', now()
       from generate_series(4, 7) n order by n returning event_id::text as id`,
      [tenant],
    );
    const [a = '', b = '', c = ''] = rows.map(({ id }) => id);
    for (const line of linesOf('### Events and the tenant')) {
      const ids = line.replace('"17"', `"${a}"`).replace('"18"', `"${b}"`).replace('"19"', `"${c}"`);
      await temporalCli(ids.replace('publisher:acme', `publisher:${tenant}`));
    }
    const actor = 'temporal:me';
    expect(await audited()).toEqual([
      { actor, action: 'event.retry', why: 'the topic takes them now' },
      { actor, action: 'event.skip', why: 'the customer is gone' },
      { actor, action: 'key.retry', why: 'mended' },
      { actor, action: 'tenant.suspend', why: 'unpaid' },
      { actor, action: 'tenant.reactivate', why: 'paid' },
    ]);
    await until('what was retried is published', async () => (await statuses()).join().endsWith('skipped,published'));
    expect(await statuses()).toEqual(['published', 'published', 'published', 'skipped', 'published']);
  });

  it('pause and resume everything', async () => {
    const before = (await audited()).length;
    const answers: string[] = [];
    for (const line of linesOf('## Pausing everything')) {
      const inFuture = line.replace('2026-01-31T12:00:00Z', new Date(Date.now() + 3_600_000).toISOString());
      answers.push(await temporalCli(inFuture.replace('everything:temporal-outbox', everythingOf())));
    }
    expect(answers).toHaveLength(3);
    expect(answers[1]).toContain('broker upgrade');
    expect((await audited()).slice(before)).toEqual([
      { actor: 'temporal:me', action: 'all.pause', why: 'broker upgrade' },
      { actor: 'temporal:me', action: 'all.resume', why: 'done' },
    ]);
  });

  it('what is refused says so, and the exit code too', async () => {
    const line = `temporal workflow update execute -w publisher:${tenant} --name skipEvents --input '{"eventIds":["1"],"by":"me"}'`;
    await expect(temporalCli(line)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('why must be a text') as string,
    });
  });
});
