import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startStack } from '../../../src/stack';
import { LOCK_FILE } from '../../../src/stack/guard-protocol';
import { packageRoot } from '../../../src/stack/locations';
import { identify } from '../../../src/stack/process-identity';
import { stackEnv, temporaryDataDir } from '../../support/stack';

/** The stack as a process of its own, as `node dist/stack/cli.js` runs it. */
interface Parent {
  readonly process: ChildProcess;
  readonly pids: number[];
  readonly guard: number;
}

const only = ['postgres', 'temporal'];

async function startParent(dataDir: string): Promise<Parent> {
  const cli = join(packageRoot(), 'dist', 'stack', 'cli.js');
  const child = spawn(process.execPath, [cli, '--data-dir', dataDir, '--only', ...only], {
    env: stackEnv(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the stack's process ended with ${code}`)));
  });
  const { pids } = JSON.parse(line) as { pids: Record<string, number> };
  return { process: child, pids: Object.values(pids), guard: lockHolder(dataDir) };
}

function lockHolder(dataDir: string): number {
  const lock = JSON.parse(readFileSync(join(dataDir, LOCK_FILE), 'utf8')) as { holder: { pid: number } };
  return lock.holder.pid;
}

async function untilEnded(pids: readonly number[], withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const running = pids.filter((pid) => identify(pid) !== undefined);
    if (running.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still running after ${withinMs} ms: ${running.join(', ')}`);
    await sleep(50);
  }
}

describe('whatever happens to the process that started a stack, no server is left', () => {
  let dataDir = '';
  beforeEach(() => (dataDir = temporaryDataDir()));
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  test.each<[string, (parent: Parent) => void]>([
    ['kill -9', (parent) => parent.process.kill('SIGKILL')],
    ['SIGTERM', (parent) => parent.process.kill('SIGTERM')],
    ['the end of its stdin', (parent) => parent.process.stdin?.end()],
  ])('%s', async (_, end) => {
    const parent = await startParent(dataDir);
    expect(parent.pids).toHaveLength(only.length);
    end(parent);
    await untilEnded([...parent.pids, parent.guard], 20_000);
    expect(existsSync(join(dataDir, LOCK_FILE))).toBe(false);
  });

  test('kill -9 of the guard as well: the next start ends what was left', async () => {
    const parent = await startParent(dataDir);
    process.kill(parent.guard, 'SIGKILL');
    parent.process.kill('SIGKILL');
    await untilEnded([parent.guard], 5_000);
    expect(parent.pids.filter((pid) => identify(pid) !== undefined)).toHaveLength(only.length);
    const next = await startParent(dataDir);
    await untilEnded(parent.pids, 0);
    next.process.kill('SIGTERM');
    await untilEnded([...next.pids, next.guard], 20_000);
  });

  test('kill -9 of the guard alone: a stop ends what it left', async () => {
    const log: string[] = [];
    const stack = await startStack({ dataDir, env: stackEnv(), only: ['postgres'], log: (line) => log.push(line) });
    const pids = Object.values(stack.pids);
    process.kill(lockHolder(dataDir), 'SIGKILL');
    await stack.stop();
    await untilEnded(pids, 10_000);
    expect(log.at(-1)).toBe('postgres outlived its guard: ending it');
  });

  test('a second start on the same folder is refused; after kill -9 of the first it waits for its servers to end', async () => {
    const first = await startParent(dataDir);
    const second = startStack({ dataDir, env: stackEnv(), only: ['postgres'] });
    await expect(second).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(second).rejects.toThrow(`process ${first.process.pid} holds`);
    first.process.kill('SIGKILL');
    const next = await startStack({ dataDir, env: stackEnv(), only: ['postgres'] });
    await untilEnded(first.pids, 0);
    await next.stop();
  });
});
