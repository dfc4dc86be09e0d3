import { setTimeout as sleep } from 'node:timers/promises';
import { noteInLock, tryLock } from './file-lock';
import type { LockContent } from './file-lock';
import { END_GRACE_MS } from './guard-protocol';
import { identify, isRunning } from './process-identity';
import type { ProcessIdentity } from './process-identity';

/** Under this name the lock says which process the stack was started for. */
const OWNER = 'owner';

export type DataFolder =
  | { readonly refused: string }
  /** The notes that the holder keeps in the lock, beside its own. */
  | { readonly refused?: undefined; readonly notes: Record<string, ProcessIdentity> };

/**
 * Takes a data folder's lock for a guard whose parent is `ownerPid`. A guard whose own parent is gone is ending its
 * servers: that is waited for. Servers left by a guard that was killed too are ended here.
 */
export async function takeDataFolder(lockPath: string, ownerPid: number): Promise<DataFolder> {
  const owner = identify(ownerPid);
  const notes: Record<string, ProcessIdentity> = owner === undefined ? {} : { [OWNER]: owner };
  const patience = Date.now() + END_GRACE_MS + 5_000;
  for (;;) {
    const attempt = tryLock(lockPath, notes);
    if (attempt.taken) {
      if (attempt.left !== undefined) await endLeftovers(attempt.left);
      noteInLock(lockPath, notes);
      return { notes };
    }
    if (ownerRuns(attempt.by) || Date.now() > patience) return { refused: refusal(lockPath, attempt.by) };
    await sleep(100);
  }
}

function ownerRuns(lock: LockContent): boolean {
  const owner = lock.notes[OWNER];
  return owner === undefined || isRunning(owner);
}

function refusal(lockPath: string, lock: LockContent): string {
  const owner = lock.notes[OWNER] ?? lock.holder;
  return (
    `Another stack is using this data folder: process ${owner.pid} holds ${lockPath}. ` +
    `Stop that process, or give this one a folder of its own (OUTBOX_DATA_DIR).`
  );
}

async function endLeftovers(left: LockContent): Promise<void> {
  const servers = Object.entries(left.notes).filter(([name, identity]) => name !== OWNER && isRunning(identity));
  for (const [name, { pid }] of servers) signal(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  const deadline = Date.now() + END_GRACE_MS;
  for (const [, identity] of servers) {
    while (isRunning(identity)) {
      if (Date.now() > deadline) signal(identity.pid, 'SIGKILL');
      await sleep(100);
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
