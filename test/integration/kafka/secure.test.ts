import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { startStack } from '../../../src/stack';
import type { Stack } from '../../../src/stack';
import { findJava } from '../../../src/stack/kafka/java';
import { choosePort } from '../../../src/stack/ports';
import { contents, createTopic, quietKafka } from '../../support/kafka';
import { outboxEvent } from '../../support/kafka-events';
import { until } from '../../../faults/harness/waiting';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { failure } from '../../support/kafka-bare';
import { RELAYS, openRelay, relayBatch, relayKafka, result } from '../../support/relay-kafka';
import { stackEnv } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

const PASSWORD = 'correct-horse';
const INSTALL = 'secure-test';

/** TLS, SASL and the rights that relays need, on a broker of its own that checks all of them. */
describe('relays on a broker with TLS, SASL and ACLs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-secure-'));
  let stack: Stack;
  let plain: string[];
  let secure: string;
  let ca: string;
  const opened: RelayKafka[] = [];

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
      ...[
        ...[AclOperationTypes.READ, AclOperationTypes.WRITE, AclOperationTypes.CREATE],
        AclOperationTypes.DESCRIBE_CONFIGS,
      ].map((operation) => ['publisher', AclResourceTypes.TOPIC, `outbox-ledger.${INSTALL}`, operation] as const),
      ['publisher', AclResourceTypes.TOPIC, 't-', AclOperationTypes.WRITE],
    ]);
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => {
    for (const kafka of opened.splice(0)) kafka.close();
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
    await admin.disconnect();
  }

  const kafkaOf = (username: string, password = PASSWORD, trust = ca): RelayKafka => {
    const kafka = relayKafka([secure], {
      installId: INSTALL,
      ssl: { ca: [trust] },
      sasl: { mechanism: 'plain', username, password },
    });
    opened.push(kafka);
    return kafka;
  };
  const ledger = { partitions: RELAYS, singleBroker: true };
  const now = (): string => new Date().toISOString();

  it('publish with exactly the documented rights', async () => {
    const topic = await createTopic(plain);
    const kafka = kafkaOf('publisher');
    await kafka.ensureLedger(ledger);
    const { producer, barrier } = await openRelay(kafka, 1);
    const events = [1, 2, 3].map((i) => outboxEvent(i, { topic, createdAt: now() }));
    expect(await kafka.preflight(events, undefined)).toEqual({ unsendable: [], blockedTopics: [] });
    await result('committed', producer.transact(relayBatch(1, events)));
    expect((await contents(plain, topic)).committed).toHaveLength(3);
    const next = await openRelay(kafka, 1, 2);
    const seen: string[] = [];
    await next.producer.readLedger(barrier, next.barrier, (records) => {
      seen.push(...records.map(({ record }) => record.kind));
      return Promise.resolve();
    });
    expect(seen).toEqual(['barrier', 'batch', 'barrier']);
  });

  it('find a topic without rights forbidden, alone', async () => {
    const forbidden = `forbidden-${randomUUID()}`;
    const readOnly = `readonly-${randomUUID()}`;
    const admin = quietKafka(plain).admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic: forbidden }, { topic: readOnly }]);
    await admin.disconnect();
    await allow([['publisher', AclResourceTypes.TOPIC, 'readonly-', AclOperationTypes.DESCRIBE]]);
    const kafka = kafkaOf('publisher');
    await kafka.ensureLedger(ledger);
    const events = [outboxEvent(1, { topic: forbidden }), outboxEvent(2, { topic: await createTopic(plain) })];
    const found = await kafka.preflight(events, undefined);
    expect(found.blockedTopics.map(({ topic, code }) => [topic, code])).toEqual([[forbidden, 'KAFKA_TOPIC_FORBIDDEN']]);
    const { producer } = await openRelay(kafka, 2);
    const event = outboxEvent(3, { topic: readOnly, createdAt: now() });
    const { refusals } = await result('refused', producer.transact(relayBatch(1, [event])));
    expect(refusals.map(({ topic, code }) => [topic, code])).toEqual([[readOnly, 'KAFKA_TOPIC_FORBIDDEN']]);
  });

  it('of a user without rights on the transactional id are not authorized', async () => {
    await allow([['stranger', AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.READ]]);
    const error = await failure(kafkaOf('stranger').open(1).initialise(10_000));
    expect(error.code).toBe('KAFKA_NOT_AUTHORIZED');
  });

  it('keep a wrong password out of the message of the failed authentication', async () => {
    const error = await failure(kafkaOf('publisher', 'wrong-horse').open(1).initialise(10_000));
    expect(error.code).toBe('KAFKA_AUTHENTICATION');
    expect(JSON.stringify([error.message, error.details, String(error.cause)])).not.toContain('wrong-horse');
    const preflight = kafkaOf('publisher', 'wrong-horse').preflight([outboxEvent(1)], undefined);
    expect((await failure(preflight)).code).toBe('KAFKA_AUTHENTICATION');
  });

  it('take an unknown certificate authority for an outage that says so', async () => {
    const keytool = join(dirname(await findJava(process.env)), 'keytool');
    const other = mkdtempSync(join(folder, 'other-'));
    const stranger = makeCertificate(keytool, other, join(other, 'x.p12'));
    const error = await failure(kafkaOf('publisher', PASSWORD, stranger).preflight([outboxEvent(1)], undefined));
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
