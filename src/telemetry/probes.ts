import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import type { Health } from './health';

export interface ProbeDeps {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
}

export interface ProbeServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Answers /livez, /readyz[?verbose] and /metrics; false for any other path. Shared by the worker and the admin listener. */
export async function answerProbe(
  deps: ProbeDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const [path, query = ''] = (request.url ?? '').split('?', 2);
  if (path !== '/livez' && path !== '/readyz' && path !== '/metrics') return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return true;
  }
  response.setHeader('cache-control', 'no-store');
  if (path === '/livez') {
    send(response, 200, 'text/plain; charset=utf-8', 'ok\n');
  } else if (path === '/metrics') {
    send(response, 200, deps.metrics.registry.contentType, await deps.metrics.registry.metrics());
  } else {
    const verbose = new URLSearchParams(query).has('verbose');
    const readiness = await deps.health.readiness({ verbose });
    const status = readiness.ready ? 200 : 503;
    if (verbose) send(response, status, 'application/json', JSON.stringify(readiness));
    else send(response, status, 'text/plain; charset=utf-8', readiness.ready ? 'ready\n' : 'not ready\n');
  }
  return true;
}

/** A listener for a process without an API of its own. Port 0 = a free one. */
export async function startProbeServer(port: number, deps: ProbeDeps, host = '0.0.0.0'): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    answerProbe(deps, request, response).then(
      (known) => {
        if (!known) send(response, 404, 'text/plain; charset=utf-8', 'not found; try /livez, /readyz or /metrics\n');
      },
      (error: unknown) => {
        deps.logger.error({ error }, 'a probe could not be answered');
        if (response.headersSent) response.destroy();
        else send(response, 500, 'text/plain; charset=utf-8', 'the probe failed; see the log\n');
      },
    );
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    url: `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${bound}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
