import { Client as TemporalClient, Connection } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { joinStack, startStack } from '../../../src/stack';
import type { Stack } from '../../../src/stack';
import { stackEnv, temporaryDataDir } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

const TOPIC = 'kept';
const WORKFLOW = { workflowId: 'kept', taskQueue: 'nobody-listens' };

/** Puts one thing into each server. */
async function write(stack: Stack): Promise<void> {
  await withPostgres(stack, (client) => client.query('create table kept as select 42 as value'));
  await withKafka(stack, async (kafka) => {
    const admin = kafka.admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic: TOPIC, numPartitions: 1 }]);
    await admin.disconnect();
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: TOPIC, messages: [{ value: 'kept' }] });
    await producer.disconnect();
  });
  await withTemporal(stack, (client) => client.workflow.start('anything', WORKFLOW));
}

/** What of it is there: the row's value, the topic's end offset, the workflow's status. */
async function read(stack: Stack): Promise<unknown[]> {
  const row = await withPostgres(stack, (client) => client.query<{ value: number }>('select value from kept'));
  const offsets = await withKafka(stack, async (kafka) => {
    const admin = kafka.admin();
    await admin.connect();
    const found = await admin.fetchTopicOffsets(TOPIC);
    await admin.disconnect();
    return found;
  });
  const workflow = await withTemporal(stack, (client) => client.workflow.getHandle(WORKFLOW.workflowId).describe());
  return [row.rows[0]?.value, offsets[0]?.high, workflow.status.name];
}

const KEPT = [42, '1', 'RUNNING'];

test('a restart keeps addresses and data: after kill -9, after SIGSTOP, and after a stop of the whole stack', async () => {
  const dataDir = temporaryDataDir();
  const start = (): Promise<Stack> => startStack({ dataDir, env: stackEnv() });
  let stack = await start();
  try {
    const { databaseUrl, kafkaBrokers, temporalAddress, pids: first } = stack;
    await write(stack);

    for (const name of ['postgres', 'kafka', 'temporal'] as const) {
      stack.kill(name, 'SIGKILL');
      await stack.restart(name);
      expect(stack.pids[name]).not.toBe(first[name]);
    }
    expect(await read(stack)).toEqual(KEPT);

    stack.kill('postgres', 'SIGSTOP');
    await stack.restart('postgres');
    expect(await read(stack)).toEqual(KEPT);

    await stack.stop();
    await stack.stop();
    expect(stack.pids).toEqual({});
    stack = await start();
    expect(stack).toMatchObject({ databaseUrl, kafkaBrokers, temporalAddress });
    expect(await read(stack)).toEqual(KEPT);
  } finally {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 180_000);

test('only what has no address is started; others may join it', async () => {
  const dataDir = temporaryDataDir();
  const env: NodeJS.ProcessEnv = {
    ...stackEnv(),
    DATABASE_URL: 'postgres://elsewhere/db',
    KAFKA_BROKERS_FILE: '/run/secrets/brokers',
    TEMPORAL_ADDRESS: '',
  };
  const log: string[] = [];
  const stack = await startStack({ dataDir, env, log: (line) => log.push(line) });
  try {
    expect(stack).toMatchObject({ started: ['temporal'], databaseUrl: 'postgres://elsewhere/db', kafkaBrokers: '' });
    expect(joinStack(dataDir, env, ['temporal'])).toMatchObject({
      databaseUrl: 'postgres://elsewhere/db',
      kafkaBrokers: '',
      temporalAddress: stack.temporalAddress,
    });
    expect(joinStack(dataDir, env, ['postgres', 'temporal'])).toBeNull();
    expect(Object.keys(stack.pids)).toEqual(['temporal']);
    expect(() => stack.kill('postgres', 'SIGTERM')).toThrow(/did not start postgres. Unset DATABASE_URL/);
    expect((await fetch(stack.temporalUiUrl ?? '')).status).toBe(200);
    stack.kill('temporal', 'SIGKILL');
    while (stack.pids.temporal !== undefined) await sleep(20);
    expect(log.at(-1)).toMatch(/^temporal ended by SIGKILL; its log: /);
    expect(() => stack.kill('temporal', 'SIGTERM')).toThrow(/does not run/);
  } finally {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

async function withPostgres<T>(stack: Stack, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withKafka<T>(stack: Stack, work: (kafka: Kafka) => Promise<T>): Promise<T> {
  return work(new Kafka({ brokers: [stack.kafkaBrokers], logLevel: logLevel.NOTHING }));
}

async function withTemporal<T>(stack: Stack, work: (client: TemporalClient) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: stack.temporalAddress });
  try {
    return await work(new TemporalClient({ connection }));
  } finally {
    await connection.close();
  }
}
