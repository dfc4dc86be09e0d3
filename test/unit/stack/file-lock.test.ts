import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock, unlock, withLock } from '../../../src/stack/file-lock';
import { identify, identifySelf, isRunning } from '../../../src/stack/process-identity';

let folder = '';
let lock = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporal-outbox-lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a lock has one holder at a time', () => {
  expect(tryLock(lock)).toMatchObject({ taken: true });
  expect(tryLock(lock)).toMatchObject({ taken: false, by: { holder: { pid: process.pid } } });
  unlock(lock);
  expect(tryLock(lock)).toMatchObject({ taken: true });
  expect(readdirSync(folder)).toEqual(['lock']);
});

test('a holder that no longer runs loses it, and the next one learns what it noted', async () => {
  const child = spawn('sleep', ['60']);
  const dead = identify(child.pid ?? 0);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
  const left = { holder: dead, notes: { postgres: dead } };
  writeFileSync(lock, JSON.stringify(left));
  expect(tryLock(lock)).toEqual({ taken: true, left });
  expect(readdirSync(folder)).toEqual(['lock']);
});

test('another process with the same number is not the holder', () => {
  const self = identifySelf();
  expect(isRunning(self)).toBe(true);
  writeFileSync(lock, JSON.stringify({ holder: { ...self, started: 'earlier' }, notes: {} }));
  expect(tryLock(lock)).toMatchObject({ taken: true });
});

test('a lock file emptied by a power failure is free', () => {
  writeFileSync(lock, '');
  expect(tryLock(lock)).toMatchObject({ taken: true });
});

test('those who wait come one after the other, also when one of them fails', async () => {
  let inside = 0;
  let most = 0;
  let waited = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await sleep(20);
    inside--;
    throw new Error('failed');
  };
  const results = await Promise.allSettled([1, 2, 3].map(() => withLock(lock, () => waited++, work)));
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect({ most, waited }).toEqual({ most: 1, waited: 2 });
  expect(readdirSync(folder)).toEqual([]);
});
