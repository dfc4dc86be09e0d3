import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifySelf, isRunning } from './process-identity';
import type { ProcessIdentity } from './process-identity';

/** What a lock file holds: who has it, and whatever the holder wants the next one to know. */
export interface LockContent {
  readonly holder: ProcessIdentity;
  readonly notes: Record<string, ProcessIdentity>;
}

export type LockAttempt =
  | { readonly taken: true; readonly left: LockContent | undefined }
  | { readonly taken: false; readonly by: LockContent };

/**
 * Takes the lock, also from a holder that no longer runs (its content is returned as `left`). Node has no flock, so
 * the file is made complete beside its place and linked there, which fails if it exists.
 */
export function tryLock(path: string, notes: Record<string, ProcessIdentity> = {}): LockAttempt {
  const draft = `${path}.${process.pid}`;
  let left: LockContent | undefined;
  for (;;) {
    writeFileSync(draft, JSON.stringify({ holder: identifySelf(), notes } satisfies LockContent));
    try {
      linkSync(draft, path);
      return { taken: true, left };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const found = readLock(path);
    if (found === undefined) continue;
    if (isRunning(found.holder)) return { taken: false, by: found };
    left = removeStale(path, found) ? found : left;
  }
}

/** Replaces the notes of a lock that this process holds. */
export function noteInLock(path: string, notes: Record<string, ProcessIdentity>): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ holder: identifySelf(), notes } satisfies LockContent));
  renameSync(draft, path);
}

export function unlock(path: string): void {
  rmSync(path, { force: true });
}

/** Runs `work` while holding the lock, waiting for another holder as long as that one runs. */
export async function withLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let said = false;
  while (!tryLock(path).taken) {
    if (!said) onWait();
    said = true;
    await sleep(300);
  }
  try {
    return await work();
  } finally {
    unlock(path);
  }
}

function readLock(path: string): LockContent | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockContent;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // Emptied by a power failure: nobody survived that.
    if (error instanceof SyntaxError) return { holder: { pid: 0, started: '' }, notes: {} };
    throw error;
  }
}

/** False if somebody else was faster: then what was moved away is a fresh lock and goes back to its place. */
function removeStale(path: string, expected: LockContent): boolean {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return false;
  }
  const moved = readLock(aside);
  if (moved?.holder.pid === expected.holder.pid && moved.holder.started === expected.holder.started) {
    rmSync(aside, { force: true });
    return true;
  }
  renameSync(aside, path);
  return false;
}
