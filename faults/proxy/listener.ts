import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Listens on loopback; port 0 = a free one. Resolves with the port. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** A server for `onClient` whose sockets send at once: a proxy that gathers small writes would add its own delays. */
export function socketServer(onClient: (client: Socket) => void): Server {
  return createServer({ noDelay: true }, onClient);
}

export function dial(port: number): Socket {
  return connect({ host: '127.0.0.1', port, noDelay: true });
}

/** Stops listening; open connections are the caller's to end. */
export function closeListener(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) resolve();
    else server.close(() => resolve());
  });
}
