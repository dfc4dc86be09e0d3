import { DatabaseSetup } from 'pg-transactional-outbox';
import type { PollingListenerConfig } from 'pg-transactional-outbox';

export const BATCH_MESSAGES = 50;
export const POLL_MS = 100;
/** With the default of 5 s a busy listener takes its own messages again before it is through with them, and gives them up. */
export const LOCK_MS = 30_000;

const SCHEMA = 'pgtx';
const TABLE = 'outbox';
const NEXT = 'next_outbox_messages';

/** Protections off, as the README advises for an outbox; batch and interval from a trial of several. */
export function listenerConfig(databaseUrl: string): PollingListenerConfig {
  return {
    outboxOrInbox: 'outbox',
    dbListenerConfig: { connectionString: databaseUrl },
    settings: {
      dbSchema: SCHEMA,
      dbTable: TABLE,
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionSchema: SCHEMA,
      nextMessagesFunctionName: NEXT,
      nextMessagesBatchSize: BATCH_MESSAGES,
      nextMessagesPollingIntervalInMs: POLL_MS,
      nextMessagesLockInMs: LOCK_MS,
    },
  };
}

/** The library's own script for the polling listener; it drops what is there. */
export function setupSql(databaseUrl: string): string {
  const { username, pathname } = new URL(databaseUrl);
  const config = {
    outboxOrInbox: 'outbox' as const,
    database: pathname.slice(1),
    schema: SCHEMA,
    table: TABLE,
    listenerRole: username,
    nextMessagesSchema: SCHEMA,
    nextMessagesName: NEXT,
  };
  return [
    DatabaseSetup.dropAndCreateTable(config),
    DatabaseSetup.grantPermissions(config),
    DatabaseSetup.createPollingFunction(config),
    DatabaseSetup.setupPollingIndexes(config),
  ].join('\n');
}
