import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultLog } from '../../../faults/proxy/fault-log';
import { closeListener, listen } from '../../../faults/proxy/listener';
import { TcpProxy } from '../../../faults/proxy/tcp-proxy';

/** The server answers every chunk with itself in capitals and remembers it. */
describe('TcpProxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tcp-proxy-'));
  const heard: string[] = [];
  let server: Server;
  let proxy: TcpProxy;
  let client: Socket;

  beforeEach(async () => {
    heard.length = 0;
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        heard.push(chunk.toString());
        socket.write(chunk.toString().toUpperCase());
      });
    });
    const serverPort = await listen(server, 0);
    proxy = await TcpProxy.start({ serverPort, log: new FaultLog(join(folder, 'fired.ndjson')) });
    client = connect(proxy.port, '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close();
    await closeListener(server);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const ask = async (text: string): Promise<string> => {
    client.write(text);
    const answer = await Promise.race([once(client, 'data'), once(client, 'close').then(() => ['closed'])]);
    return String(answer[0]);
  };

  it('passes bytes both ways', async () => {
    expect(await ask('hello')).toBe('HELLO');
  });

  it('loses an answer: the server did it, the client’s connection closes', async () => {
    proxy.add({ name: 'lost', fault: 'lost-answer', matches: /commit/, nth: 2 });
    expect(await ask('commit 1')).toBe('COMMIT 1');
    expect(await ask('commit 2')).toBe('closed');
    expect(heard).toEqual(['commit 1', 'commit 2']);
    expect(readFileSync(join(folder, 'fired.ndjson'), 'utf8')).toContain('"name":"lost","action":"lost-answer"');
  });

  it('loses a request: the server never hears of it', async () => {
    proxy.add({ name: 'lost', fault: 'lost-request', matches: /commit/ });
    expect(await ask('commit 1')).toBe('closed');
    expect(heard).toEqual([]);
  });

  it('holds bytes back while paused and passes them on afterwards', async () => {
    proxy.pause('hole');
    const answer = ask('hello');
    expect(await Promise.race([answer, delay(100).then(() => 'silence')])).toBe('silence');
    proxy.resume();
    expect(await answer).toBe('HELLO');
  });

  it('cuts connections and refuses new ones until healed', async () => {
    const closed = once(client, 'close');
    proxy.cut('cut', true);
    await closed;
    client = connect(proxy.port, '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'close');
    proxy.heal();
    client = connect(proxy.port, '127.0.0.1');
    expect(await ask('again')).toBe('AGAIN');
  });
});
