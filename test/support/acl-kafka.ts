import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import { choosePort } from '../../src/stack/ports';
import { startStack } from '../../src/stack';
import { stackEnv, temporaryDataDir } from './stack';
import { quietKafka } from './kafka';
import { rmSync } from 'node:fs';
import { createLedTopics } from '../../src/kafka/create-topics';

const USER = 'publisher';
const PASSWORD = 'correct-horse';

/** A broker of one test alone that checks ACLs. */
export interface AclKafka {
  /** Of a listener where everybody may do everything: for producers of the test and auditors. */
  readonly brokers: string;
  /** What makes a worker a user that has only the rights it was granted. */
  readonly workerEnv: Readonly<Record<string, string>>;
  /** Grants that user writing to all topics whose names start so, or forbids it: that outweighs what was granted. */
  write(prefix: string, permission: 'allow' | 'deny'): Promise<void>;
  /** Takes back what `write` said. */
  unwrite(prefix: string, permission: 'allow' | 'deny'): Promise<void>;
  stop(): Promise<void>;
}

const PERMISSIONS = { allow: AclPermissionTypes.ALLOW, deny: AclPermissionTypes.DENY };

/** Starts it; the user has what every publisher needs for transactions and the ledger, and may write no topic yet. */
export async function startAclKafka(): Promise<AclKafka> {
  const dataDir = temporaryDataDir();
  const taken = new Set<number>();
  const port = async (): Promise<number> => {
    const chosen = await choosePort('', {}, undefined, taken);
    taken.add(chosen);
    return chosen;
  };
  const ports = { open: await port(), controller: await port(), guarded: await port() };
  const listeners = `PLAINTEXT://127.0.0.1:${ports.open},GUARDED://127.0.0.1:${ports.guarded}`;
  const stack = await startStack({
    dataDir,
    env: {
      ...stackEnv(),
      OUTBOX_STACK_KAFKA_PORT: `${ports.open}`,
      OUTBOX_STACK_KAFKA_CONTROLLER_PORT: `${ports.controller}`,
    },
    only: ['kafka'],
    kafkaOverrides: {
      listeners: `${listeners},CONTROLLER://127.0.0.1:${ports.controller}`,
      'advertised.listeners': listeners,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.guarded.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    },
  });
  const admin = quietKafka([`127.0.0.1:${ports.open}`]).admin();
  await admin.connect();
  const rule = (resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes) => ({
    resourceType,
    resourceName,
    operation,
    resourcePatternType: ResourcePatternTypes.PREFIXED,
    permissionType: AclPermissionTypes.ALLOW,
    principal: `User:${USER}`,
    host: '*',
  });
  const writing = (prefix: string, permission: 'allow' | 'deny') => ({
    ...rule(AclResourceTypes.TOPIC, prefix, AclOperationTypes.WRITE),
    permissionType: PERMISSIONS[permission],
  });
  await createLedTopics(admin, [{ topic: 'outbox-ledger', numPartitions: 1 }]);
  await admin.createAcls({
    acl: [
      rule(AclResourceTypes.TRANSACTIONAL_ID, 'outbox.', AclOperationTypes.WRITE),
      rule(AclResourceTypes.GROUP, 'outbox-ledger.', AclOperationTypes.READ),
      rule(AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.READ),
      // Of relays, whose ledger is a topic of the installation's own.
      rule(AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.CREATE),
      rule(AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.WRITE),
      rule(AclResourceTypes.TOPIC, 'outbox-ledger', AclOperationTypes.DESCRIBE_CONFIGS),
    ],
  });
  return {
    brokers: `127.0.0.1:${ports.open}`,
    workerEnv: {
      KAFKA_BROKERS: `127.0.0.1:${ports.guarded}`,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: USER,
      KAFKA_SASL_PASSWORD: PASSWORD,
    },
    write: async (prefix, permission) => void (await admin.createAcls({ acl: [writing(prefix, permission)] })),
    unwrite: async (prefix, permission) => {
      const { filterResponses } = await admin.deleteAcls({ filters: [writing(prefix, permission)] });
      if (filterResponses[0]?.matchingAcls.length !== 1) throw new Error(`no ACL of ${prefix} was deleted`);
    },
    stop: async () => {
      await admin.disconnect();
      await stack.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
