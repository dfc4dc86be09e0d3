import { connect as connectPlain, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_MS = 60_000;

/**
 * The sockets of one session, so that all of them can be torn down at once: kafkajs' own disconnect waits for answers
 * that may never come, and an answer that still arrives after a doubt must not be acted upon.
 */
export class SocketSet {
  readonly #open = new Set<Socket>();
  #closed = false;

  /** kafkajs' default factory leaves Nagle's algorithm on, which holds small requests back until an earlier ACK. */
  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed) throw new Error('the session was discarded');
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** Resets every connection and refuses new ones. The error makes kafkajs reject what still waits for an answer. */
  destroy(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy(new Error('the session was discarded'));
  }
}
