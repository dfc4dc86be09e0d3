import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { startStack } from '../../../../src/stack';
import type { Stack } from '../../../../src/stack';
import { findJava } from '../../../../src/stack/kafka/java';
import { choosePort } from '../../../../src/stack/ports';
import { contents, createTopic, quietKafka } from '../../../support/kafka';
import { outboxEvent } from '../../../support/kafka-events';
import { until } from '../../../../faults/harness/waiting';
import { batchOf, failure, PATIENT, REF, testSink } from '../../../support/kafka-sink';
import type { TestSink } from '../../../support/kafka-sink';
import { stackEnv } from '../../../support/stack';

const PASSWORD = 'correct-horse';
const INSTALL = 'secure-test';

/** TLS, SASL and the rights that the publisher needs, on a broker of its own that checks all of them. */
describe('Kafka sink on a broker with TLS, SASL and ACLs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-secure-'));
  let stack: Stack;
  let plain: string[];
  let secure: string;
  let ca: string;
  const sinks: TestSink[] = [];

  beforeAll(async () => {
    const keystore = join(folder, 'broker.p12');
    ca = makeCertificate(join(dirname(await findJava(process.env)), 'keytool'), folder, keystore);
    const taken = new Set<number>();
    const port = async (): Promise<number> => {
      const chosen = await choosePort('', {}, undefined, taken);
      taken.add(chosen);
      return chosen;
    };
    const ports = { plain: await port(), controller: await port(), secure: await port() };
    const env = {
      OUTBOX_STACK_KAFKA_PORT: `${ports.plain}`,
      OUTBOX_STACK_KAFKA_CONTROLLER_PORT: `${ports.controller}`,
    };
    const user = (name: string): string => `user_${name}="${PASSWORD}"`;
    stack = await startStack({
      dataDir: join(folder, 'data'),
      env: { ...stackEnv(), ...env },
      only: ['kafka'],
      kafkaOverrides: {
        listeners: `PLAINTEXT://127.0.0.1:${ports.plain},CONTROLLER://127.0.0.1:${ports.controller},SECURE://127.0.0.1:${ports.secure}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.plain},SECURE://localhost:${ports.secure}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.secure.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${user('publisher')} ${user('stranger')};`,
        'listener.name.secure.ssl.keystore.location': keystore,
        'listener.name.secure.ssl.keystore.password': PASSWORD,
        'listener.name.secure.ssl.keystore.type': 'PKCS12',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
    });
    plain = [`127.0.0.1:${ports.plain}`];
    secure = `localhost:${ports.secure}`;
    await allow([
      ['publisher', AclResourceTypes.TRANSACTIONAL_ID, `outbox.${INSTALL}.`, AclOperationTypes.WRITE],
      ['publisher', AclResourceTypes.GROUP, `outbox-ledger.${INSTALL}.`, AclOperationTypes.READ],
      ['publisher', AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.READ],
      ['publisher', AclResourceTypes.TOPIC, 't-', AclOperationTypes.WRITE],
    ]);
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  });

  /** Grants a user one operation on everything that starts with a name. */
  async function allow(
    grants: readonly (readonly [string, AclResourceTypes, string, AclOperationTypes])[],
  ): Promise<void> {
    const admin = quietKafka(plain).admin();
    await admin.connect();
    const acl = grants.map(([user, resourceType, resourceName, operation]) => ({
      resourceType,
      resourceName,
      operation,
      resourcePatternType: ResourcePatternTypes.PREFIXED,
      permissionType: AclPermissionTypes.ALLOW,
      principal: `User:${user}`,
      host: '*',
    }));
    await admin.createAcls({ acl });
    // The controller has answered; the broker that is asked next may not have heard yet.
    for (const one of acl)
      await until('the broker knows the right', async () => (await admin.describeAcls(one)).resources.length > 0);
    await admin.createTopics({ topics: [{ topic: 'outbox-ledger', numPartitions: 1 }] });
    await admin.disconnect();
  }

  const sinkOf = (username: string, password = PASSWORD, trust = ca): TestSink => {
    const sink = testSink([secure], {
      installId: INSTALL,
      ssl: { ca: [trust] },
      sasl: { mechanism: 'plain', username, password },
    });
    sinks.push(sink);
    return sink;
  };

  it('publishes with exactly the documented rights, and assumes defaults for what it may not read', async () => {
    const topic = await createTopic(plain);
    const sink = sinkOf('publisher');
    const session = await sink.takeOver();
    expect(await session.readLedger()).toBeNull();
    const events = [1, 2, 3].map((i) => outboxEvent(i, { topic }));
    expect(await session.preflight(events)).toEqual({ unsendable: [], blockedTopics: [] });
    await session.publish(batchOf(1, events), PATIENT);
    expect((await session.readLedger())?.seq).toBe(1);
    expect(await sink.ledgerRetentionMs()).toBe(7 * 86_400_000);
    expect((await contents(plain, topic)).committed).toHaveLength(3);
    expect(await session.ledgerInLog(null, 0)).toEqual({
      kind: 'unreadable',
      reason: expect.stringContaining('Grant Read and Describe') as string,
    });
    await session.discard();
  });

  it('reads the log of the ledger where that right is given', async () => {
    const topic = await createTopic(plain);
    await allow([['publisher', AclResourceTypes.TOPIC, '__consumer_offsets', AclOperationTypes.READ]]);
    const sink = sinkOf('publisher');
    const session = await sink.takeOver();
    const before = await session.readLedger();
    const batch = batchOf((before?.seq ?? 0) + 1, [outboxEvent(1, { topic })]);
    await session.publish(batch, PATIENT);
    const { seq, batchId } = batch;
    expect(await session.ledgerInLog(before, 0)).toMatchObject({ kind: 'read', entry: { seq, batchId } });
    await session.discard();
  });

  it('a topic without rights is forbidden, alone', async () => {
    const forbidden = `forbidden-${randomUUID()}`;
    const readOnly = `readonly-${randomUUID()}`;
    const admin = quietKafka(plain).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: forbidden }, { topic: readOnly }] });
    await admin.disconnect();
    await allow([['publisher', AclResourceTypes.TOPIC, 'readonly-', AclOperationTypes.DESCRIBE]]);
    const session = await sinkOf('publisher').takeOver();
    const events = [outboxEvent(1, { topic: forbidden }), outboxEvent(2, { topic: await createTopic(plain) })];
    const found = await session.preflight(events);
    expect(found.blockedTopics.map(({ topic, code }) => [topic, code])).toEqual([[forbidden, 'KAFKA_TOPIC_FORBIDDEN']]);
    const error = await failure(session.publish(batchOf(2, [outboxEvent(3, { topic: readOnly })]), PATIENT));
    expect([error.code, error.details['topic']]).toEqual(['KAFKA_TOPIC_FORBIDDEN', readOnly]);
  });

  it('a user without rights on the transactional id is not authorized', async () => {
    await allow([['stranger', AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.READ]]);
    const error = await failure(sinkOf('stranger').takeOver());
    expect(error.code).toBe('KAFKA_NOT_AUTHORIZED');
  });

  it('a wrong password is a failure of authentication and stays out of the message', async () => {
    const error = await failure(sinkOf('publisher', 'wrong-horse').takeOver());
    expect(error.code).toBe('KAFKA_AUTHENTICATION');
    expect(JSON.stringify([error.message, error.details, String(error.cause)])).not.toContain('wrong-horse');
    const preflight = sinkOf('publisher', 'wrong-horse')
      .open(REF)
      .preflight([outboxEvent(1)]);
    expect((await failure(preflight)).code).toBe('KAFKA_AUTHENTICATION');
  });

  it('an unknown certificate authority is an outage that says so', async () => {
    const keytool = join(dirname(await findJava(process.env)), 'keytool');
    const other = mkdtempSync(join(folder, 'other-'));
    const error = await failure(
      sinkOf('publisher', PASSWORD, makeCertificate(keytool, other, join(other, 'x.p12'))).takeOver(),
    );
    expect(error.code).toBe('KAFKA_UNAVAILABLE');
    expect(error.message).toMatch(/certificate/);
  });
});

/** Makes a key with a self-signed certificate for localhost; returns the certificate as PEM. */
function makeCertificate(keytool: string, folder: string, keystore: string): string {
  const store = ['-keystore', keystore, '-storepass', PASSWORD, '-storetype', 'PKCS12', '-alias', 'broker'];
  const subject = [
    '-dname',
    'CN=localhost',
    '-ext',
    'san=dns:localhost,ip:127.0.0.1',
    '-keyalg',
    'EC',
    '-validity',
    '30',
  ];
  execFileSync(keytool, ['-genkeypair', ...store, ...subject], { stdio: 'pipe' });
  const file = join(folder, 'ca.pem');
  execFileSync(keytool, ['-exportcert', '-rfc', ...store, '-file', file], { stdio: 'pipe' });
  return readFileSync(file, 'utf8');
}
