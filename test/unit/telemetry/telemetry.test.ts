import { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { createHealth } from '../../../src/telemetry/health';
import { createLogger } from '../../../src/telemetry/logger';
import { METRICS } from '../../../src/telemetry/metric-definitions';
import { createMetrics } from '../../../src/telemetry/metrics';
import { startProbeServer } from '../../../src/telemetry/probes';

describe('logger', () => {
  test('secrets and payloads are redacted, ids are not', () => {
    let written = '';
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        done();
      },
    });
    const logger = createLogger({ level: 'info', name: 'test', destination: sink });
    const canary = 'canary-secret';
    logger.info(
      { authorization: canary, request: { headers: { authorization: canary } }, event: { id: '7', payload: canary } },
      'x',
    );
    logger.child({ tenant: 'acme' }).info({ password: canary, db: { connectionString: canary } }, 'y');
    expect(written).not.toContain(canary);
    expect(written).toContain('"id":"7"');
    expect(written).toContain('"tenant":"acme"');
  });
});

describe('metrics', () => {
  test('every name is registered and exposed', async () => {
    const registry = new Registry();
    createMetrics(registry, { version: '1.2.3' });
    const names = (await registry.getMetricsAsJSON()).map((metric) => metric.name);
    expect(names).toEqual(expect.arrayContaining(Object.values(METRICS).map((metric) => metric.name)));
    expect(await registry.metrics()).toContain('outbox_build_info{version="1.2.3"');
  });
});

describe('probes', () => {
  test('liveness has no dependencies; readiness needs the required checks only and turns during shutdown', async () => {
    const health = createHealth();
    const state = { postgres: true };
    health.register('postgres', () => (state.postgres ? Promise.resolve() : Promise.reject(new Error('refused'))));
    health.register('kafka', () => Promise.reject(new Error('unreachable')), { required: false });
    health.register('temporal', () => new Promise(() => undefined), { required: false });
    const logger = createLogger({ level: 'silent', name: 'test' });
    const server = await startProbeServer(
      0,
      { health, metrics: createMetrics(new Registry(), { version: '0' }), logger },
      '127.0.0.1',
    );
    const status = async (path: string): Promise<number> => (await fetch(server.url + path)).status;
    try {
      expect(await status('/livez')).toBe(200);
      expect(await status('/readyz')).toBe(200);
      expect(await status('/metrics')).toBe(200);
      expect(await status('/other')).toBe(404);
      const verbose = await fetch(`${server.url}/readyz?verbose`);
      expect(verbose.status).toBe(200);
      expect(await verbose.json()).toEqual({
        ready: true,
        checks: [
          { name: 'postgres', ok: true, required: true, reason: null },
          { name: 'kafka', ok: false, required: false, reason: 'unreachable' },
          { name: 'temporal', ok: false, required: false, reason: 'no answer within 900 ms' },
        ],
      });
      state.postgres = false;
      expect(await status('/readyz')).toBe(503);
      expect(await status('/livez')).toBe(200);
      state.postgres = true;
      health.startShutdown();
      expect(await status('/readyz')).toBe(503);
    } finally {
      await server.close();
    }
  });
});
