import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import type { Acknowledged } from '../../src/audit/acknowledged';
import type { Rig } from '../../faults/harness/rig';
import type { Draft } from '../../faults/traffic/drafts';
import {
  createTopics,
  enqueueAll,
  expectClean,
  faultRun,
  sharedServers,
  untilTakenOver,
  workerDiesAt,
  workerFreezesAt,
} from '../support/fault-run';

const LIMIT = 20_000;

/** Crashes and freezes around a write that ordinary traffic never reaches. */
describe('crashes while an event is parked', () => {
  let made = 0;
  /** Ten small events with one between them that no topic of LIMIT takes. */
  const drafts = (tenant: string, topic: string): Draft[] =>
    Array.from({ length: 11 }, (_, index) => {
      made += 1;
      const pad = 'x'.repeat(index === 5 ? 5 * LIMIT : 10);
      return {
        tenant,
        topic,
        type: 'made',
        key: null,
        dedupeKey: `parking-${made}`,
        headers: null,
        payload: `{"pad":"${pad}"}`,
      };
    });

  const audited = async (
    rig: Rig,
    events: readonly Acknowledged[],
    fired: readonly string[],
    parked: number,
  ): Promise<void> => {
    const report = await rig.settleAndAudit(events, { fired, minEvents: events.length });
    expectClean(report);
    expect(report.seen).toBe(events.length - parked);
    expect(report.balances?.reduce((sum, { failed }) => sum + failed, 0)).toBe(parked);
  };
  const options = { name: 'parking', servers: sharedServers(), tenantCount: 2, traffic: { actors: 0 } };

  it(
    'parks it once, whoever dies or freezes on the way',
    () =>
      faultRun(options, async ({ rig, tenants: [one = '', two = ''] }) => {
        const topic = `${rig.options.name}-narrow`;
        await createTopics(options.servers.kafkaBrokers, [topic], { [topic]: LIMIT });
        const events = await enqueueAll(rig, drafts(one, topic));
        await workerDiesAt(rig, 'before_park', 1);
        await workerDiesAt(rig, 'after_park', 1);
        events.push(...(await enqueueAll(rig, drafts(two, topic))));
        const frozen = await workerFreezesAt(rig, 'before_park', 1);
        await rig.worker();
        await untilTakenOver(rig, [frozen]);
        frozen.child.signal('SIGCONT');
        await audited(rig, events, ['before_park', 'after_park'], 2);
      }),
    180_000,
  );

  it(
    'parks what its topic took when it was claimed first, once',
    () =>
      faultRun(options, async ({ rig, tenants: [one = '', two = ''] }) => {
        const [killed, thawed] = ['killed', 'thawed'].map((name) => `${rig.options.name}-${name}`) as [string, string];
        await createTopics(options.servers.kafkaBrokers, [killed, thawed]);
        // Claimed while the topic still took it, refused when it is claimed again.
        const events = await enqueueAll(rig, drafts(one, killed));
        await workerDiesAt(rig, 'relay_added', 1);
        await narrow(killed);
        await workerDiesAt(rig, 'before_park', 1);
        await workerDiesAt(rig, 'after_park', 1);

        events.push(...(await enqueueAll(rig, drafts(two, thawed))));
        await workerDiesAt(rig, 'relay_added', 1);
        await narrow(thawed);
        const frozen = await workerFreezesAt(rig, 'before_park', 1);
        await rig.worker();
        await untilTakenOver(rig, [frozen]);
        frozen.child.signal('SIGCONT');
        await audited(rig, events, ['relay_added', 'before_park', 'after_park'], 2);
      }),
    180_000,
  );

  async function narrow(topic: string): Promise<void> {
    const admin = new Kafka({ brokers: options.servers.kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const configEntries = [{ name: 'max.message.bytes', value: String(LIMIT) }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    });
    await admin.disconnect();
  }
});
