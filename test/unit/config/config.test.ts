import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, describeConfig, isTopicAllowed, hasPlainKey, loadConfig } from '../../../src/config';
import type { Config } from '../../../src/config';
import { VARIABLE_NAMES } from '../../../src/config/schema';

/** The problems of a configuration that must be refused. */
function problemsOf(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.variable);
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

describe('loadConfig', () => {
  test('defaults', () => {
    const config = loadConfig({});
    expect(config.database.url).toBeNull();
    expect(config.kafka).toMatchObject({
      brokers: null,
      ssl: null,
      requestTimeoutMs: 8_000,
      transactionTimeoutMs: 15_000,
    });
    expect(config.api).toMatchObject({ port: 8080, adminPort: 8081, bodyLimit: 1_048_576, batchLimit: 1_000 });
    expect(config.relays).toEqual({
      batchEvents: 6_000,
      batchBytes: 4_194_304,
      mains: 1,
      total: null,
      lingerMs: 300_000,
      singleBroker: false,
    });
    expect(config.warnings).toEqual([]);
    expect(Object.isFrozen(config) && Object.isFrozen(config.api)).toBe(true);
  });

  test('option before environment before default; empty and blank count as unset', () => {
    const env = { OUTBOX_API_PORT: '9000', OUTBOX_ADMIN_PORT: '  ', OUTBOX_LINGER: '' };
    const config = loadConfig(env, { overrides: { OUTBOX_API_PORT: 0 } });
    expect(config.api.port).toBe(0);
    expect(loadConfig(env).api).toMatchObject({ port: 9_000, adminPort: 8_081 });
    expect(config.relays.lingerMs).toBe(300_000);
  });

  test.each<[string, string, (config: Config) => unknown, unknown]>([
    ['OUTBOX_LINGER', '500ms', (c) => c.relays.lingerMs, 500],
    ['OUTBOX_LINGER', '1.5s', (c) => c.relays.lingerMs, 1_500],
    ['OUTBOX_LINGER', '2m', (c) => c.relays.lingerMs, 120_000],
    ['OUTBOX_BODY_LIMIT', '2048', (c) => c.api.bodyLimit, 2_048],
    ['OUTBOX_BODY_LIMIT', '2 MiB', (c) => c.api.bodyLimit, 2_097_152],
    ['OUTBOX_TOPIC_CREATE', 'true', (c) => c.topics.create, true],
    ['KAFKA_BROKERS', 'a:9092, [::1]:9093', (c) => c.kafka.brokers, ['a:9092', '[::1]:9093']],
    ['KAFKA_SSL', 'true', (c) => c.kafka.ssl, { ca: null, cert: null, key: null }],
    [
      'DATABASE_URL',
      'postgres://u:p@h/d?sslmode=require',
      (c) => c.database.directUrl,
      'postgres://u:p@h/d?sslmode=require',
    ],
    ['OUTBOX_KAFKA_KEY_PLAIN', 'acme/orders,*/audit', (c) => c.topics.plainKeys.length, 2],
  ])('%s=%s is understood', (name, value, read, expected) => {
    expect(read(loadConfig({ [name]: value }))).toEqual(expected);
  });

  test.each([
    ['OUTBOX_API_PORT', '70000'],
    ['OUTBOX_API_PORT', '-1'],
    ['OUTBOX_API_PORT', '80a'],
    ['OUTBOX_API_PORT', '1e3'],
    ['OUTBOX_API_PORT', '0x50'],
    ['OUTBOX_LINGER', '15'],
    ['OUTBOX_LINGER', '15 sec'],
    ['OUTBOX_LINGER', '-1s'],
    ['OUTBOX_BODY_LIMIT', '1mb'],
    ['OUTBOX_BODY_LIMIT', '0'],
    ['OUTBOX_TOPIC_CREATE', 'yes'],
    ['OUTBOX_TOPIC_CREATE', 'TRUE'],
    ['KAFKA_BROKERS', 'localhost'],
    ['KAFKA_BROKERS', 'a:9092,b'],
    ['KAFKA_BROKERS', ','],
    ['KAFKA_SASL_MECHANISM', 'PLAIN'],
    ['DATABASE_URL', 'mysql://x/y'],
    ['DATABASE_URL', 'not a url'],
    ['OUTBOX_TOPIC_ALLOW', '('],
    ['OUTBOX_TOPIC_ALLOW', 'a{1,2}'],
    ['OUTBOX_KAFKA_KEY_PLAIN', 'acme'],
    ['OUTBOX_ADMIN_KEY', 'short'],
    ['OUTBOX_ADMIN_KEY', 'with a space inside it'],
    ['OUTBOX_LOG_LEVEL', 'verbose'],
    ['OUTBOX_LEDGER_TOPIC', 'a/b'],
    ['KAFKA_SSL_CA', 'not pem'],
    ['OUTBOX_ADMIN_URL', 'ftp://x'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(problemsOf({ [name]: value })).toContain(name);
  });

  test('all problems at once, also those between variables', () => {
    const env = {
      OUTBOX_API_PORT: 'x',
      OUTBOX_LINGER: '15',
      OUTBOX_KAFKA_REQUEST_TIMEOUT: '15s',
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SSL_CERT: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----',
      DATABASE_DIRECT_URL: 'postgres://h/d',
    };
    expect(problemsOf(env).sort()).toEqual([
      'DATABASE_URL',
      'KAFKA_SASL_PASSWORD',
      'KAFKA_SASL_USERNAME',
      'KAFKA_SSL_KEY',
      'OUTBOX_API_PORT',
      'OUTBOX_KAFKA_REQUEST_TIMEOUT',
      'OUTBOX_LINGER',
    ]);
    expect(problemsOf({ OUTBOX_ADMIN_PORT: '8080' })).toEqual(['OUTBOX_ADMIN_PORT']);
  });

  test('secrets from files; both ways at once, an unreadable and an empty file are refused', () => {
    const folder = mkdtempSync(join(tmpdir(), 'outbox-config-'));
    chmodSync(folder, 0o755);
    const file = join(folder, 'key');
    writeFileSync(file, 'a-key-of-sixteen-or-more\n');
    writeFileSync(join(folder, 'empty'), '\n');
    expect(loadConfig({ OUTBOX_ADMIN_KEY_FILE: file }).api.adminKey).toBe('a-key-of-sixteen-or-more');
    expect(problemsOf({ OUTBOX_ADMIN_KEY_FILE: file, OUTBOX_ADMIN_KEY: 'a-key-of-sixteen-or-more' })).toEqual([
      'OUTBOX_ADMIN_KEY',
    ]);
    expect(problemsOf({ OUTBOX_ADMIN_KEY_FILE: join(folder, 'absent') })).toEqual(['OUTBOX_ADMIN_KEY_FILE']);
    expect(problemsOf({ OUTBOX_ADMIN_KEY_FILE: join(folder, 'empty') })).toEqual(['OUTBOX_ADMIN_KEY_FILE']);
  });

  test('unknown OUTBOX_ names are warned about with the nearest known one', () => {
    const { warnings } = loadConfig({
      OUTBOX_API_PROT: '1',
      OUTBOX_ADMIN_KEY_FIEL: 'x',
      HOME: '/',
      OUTBOX_FAILPOINTS: '',
    });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('Did you mean OUTBOX_ADMIN_KEY_FILE?');
    expect(warnings[1]).toContain('Did you mean OUTBOX_API_PORT?');
  });

  test('no error and no description shows a secret', () => {
    const canary = 'canary-secret-canary';
    const bad: NodeJS.ProcessEnv = Object.fromEntries(VARIABLE_NAMES.map((name) => [name, `${canary}\n\0`]));
    try {
      loadConfig(bad);
    } catch (error) {
      expect(String(error)).not.toContain(canary);
    }
    const described = describeConfig({
      DATABASE_URL: `postgres://user:${canary}@db:5432/app?sslpassword=${canary}`,
      OUTBOX_ADMIN_KEY: canary,
      KAFKA_SASL_PASSWORD: canary,
    });
    expect(JSON.stringify(described)).not.toContain(canary);
    expect(described.find((variable) => variable.name === 'DATABASE_URL')?.value).toContain('db:5432');
    expect(described.find((variable) => variable.name === 'OUTBOX_LINGER')).toMatchObject({
      value: '5m',
      source: 'default',
    });
  });
});

describe('topic rules', () => {
  test('patterns match whole names; internal topics and the ledger are never allowed', () => {
    const { topics } = loadConfig({ OUTBOX_TOPIC_ALLOW: 'orders,shop\\..*' });
    const allowed = ['orders', 'shop.x', 'orders2', 'xorders', '__consumer_offsets', 'outbox-ledger'];
    expect(allowed.map((topic) => isTopicAllowed(topics, topic))).toEqual([true, true, false, false, false, false]);
    const any = loadConfig({}).topics;
    expect(['a', '__a', 'outbox-ledger'].map((topic) => isTopicAllowed(any, topic))).toEqual([true, false, false]);
  });

  test('plain keys per tenant and topic', () => {
    const { topics } = loadConfig({ OUTBOX_KAFKA_KEY_PLAIN: 'acme/orders,*/audit' });
    expect(hasPlainKey(topics, 'acme', 'orders')).toBe(true);
    expect(hasPlainKey(topics, 'other', 'orders')).toBe(false);
    expect(hasPlainKey(topics, 'other', 'audit')).toBe(true);
  });
});
