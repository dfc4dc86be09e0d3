import { createServer } from 'node:net';
import { OutboxError } from '../domain/errors';

/**
 * A loopback port: the wanted one if given (an error if it is taken), else the one used last time if free, else any
 * free one. Same port after a restart keeps printed addresses true.
 */
export async function choosePort(
  variable: string,
  env: NodeJS.ProcessEnv,
  last: number | undefined,
  taken: ReadonlySet<number>,
): Promise<number> {
  const wanted = env[variable];
  if (wanted) {
    const port = Number(wanted);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new OutboxError('CONFIG_INVALID', `${variable} is "${wanted}". Set it to a port number, 1 to 65535.`);
    }
    if (!(await isFree(port))) {
      throw new OutboxError('CONFIG_INVALID', `Port ${port} is in use. Free it, or set ${variable} to another port.`);
    }
    return port;
  }
  if (last !== undefined && !taken.has(last) && (await isFree(last))) return last;
  for (;;) {
    const port = await anyFreePort();
    if (!taken.has(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}

/**
 * Drawn from below the range that the kernel gives to outgoing connections (32768 upward on Linux): a port of that
 * range may be lost again to some client's connection between this check and the server's start, or across a restart.
 */
async function anyFreePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}
