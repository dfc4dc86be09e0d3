import { Client } from 'pg';
import { Kafka, logLevel } from 'kafkajs';
import { Connection } from '@temporalio/client';
import { testServers } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

/** The stack that global-setup.ts started for this run answers as the three servers' clients see it. */
describe('the stack of the test run', () => {
  const servers = testServers();

  test('Postgres: UTF-8, C locale, logical decoding, 300 connections, an owner who is no superuser', async () => {
    const client = new Client({ connectionString: servers.databaseUrl });
    await client.connect();
    const show = async (name: string): Promise<unknown> => {
      const { rows } = await client.query<Record<string, string>>(`show ${name}`);
      return rows[0]?.[name];
    };
    const { rows } = await client.query(
      `select datcollate, rolsuper from pg_database, pg_roles where datname = current_database() and rolname = current_user`,
    );
    expect(rows).toEqual([{ datcollate: 'C', rolsuper: false }]);
    expect(await show('server_encoding')).toBe('UTF8');
    expect(await show('wal_level')).toBe('logical');
    expect(await show('max_connections')).toBe('300');
    await client.end();
  });

  test('Postgres wants the password', async () => {
    const url = new URL(servers.databaseUrl);
    url.password = 'wrong';
    const client = new Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow(/password authentication failed/);
  });

  test('Kafka: transactions end, topics are not created by mistake', async () => {
    const kafka = new Kafka({ brokers: servers.kafkaBrokers, logLevel: logLevel.NOTHING, retry: { retries: 2 } });
    const admin = kafka.admin();
    await admin.connect();
    const topic = `stack-run-${process.pid}`;
    await createLedTopics(admin, [{ topic, numPartitions: 1 }]);
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'one' }] });
    await transaction.commit();
    await expect(producer.send({ topic: `${topic}-absent`, messages: [{ value: 'x' }] })).rejects.toThrow();
    expect(await admin.listTopics()).not.toContain(`${topic}-absent`);
    await producer.disconnect();
    await admin.disconnect();
  });

  test('Temporal: the default namespace is served', async () => {
    const connection = await Connection.connect({ address: servers.temporalAddress });
    const answer = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(answer.namespaceInfo?.name).toBe('default');
    await connection.close();
  });
});
