import { STATUS_CODES, createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { HttpProblem, PROBLEM_TYPE, problemBody } from './problem';

/** A listening HTTP server. */
export interface Listener {
  readonly port: number;
  readonly url: string;
  /** Stops accepting, lets requests in flight finish for at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

export async function listen(app: RequestListener, host: string, port: number): Promise<Listener> {
  const server = createServer(
    {
      maxHeaderSize: 16 * 1_024,
      // checkUrl answers that with a problem document; Node's own answer has no body.
      requireHostHeader: false,
      // Node's defaults (60 s, 300 s, checked every 30 s) let a few slow clients hold thousands of sockets.
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      connectionsCheckingInterval: 2_000,
      // Longer than the idle time-out of common load balancers (60 s): the balancer must be the one to close.
      keepAliveTimeout: 65_000,
    },
    app,
  );
  // Node would drop headers beyond 2,000 silently, perhaps the second Authorization; 16 KiB is the limit that answers.
  server.maxHeadersCount = 0;
  server.on('clientError', answerClientError);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return {
    port: bound,
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}`,
    close: (graceMs) => close(server, graceMs),
  };
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A keep-alive connection whose last request ends after close() would stay open until its own time-out.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Requests that never became one: bad syntax, too large headers, too slow. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const problem = clientProblem(error.code);
  const body = problemBody(problem, null);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'connection: close',
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function clientProblem(code: string | undefined): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpProblem('headers_too_large', 'The request headers exceed 16 KiB. Send fewer or shorter ones.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpProblem('request_timeout', 'The request did not arrive completely in time. Send it again, faster.');
  }
  return new HttpProblem('malformed_request', 'The request is not well-formed HTTP/1.1. Use another HTTP client.');
}
