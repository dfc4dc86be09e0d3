import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type FakeTime = { readonly library: string } | { readonly missing: string };

/** Finds libfaketime, and installs Debian's package `faketime` where that is possible: root, with apt. */
export function findFakeTime(): FakeTime {
  const found = locate();
  if (found !== null) return { library: found };
  if (process.getuid?.() !== 0) return { missing: 'libfaketime is not installed (Debian: apt-get install faketime)' };
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'faketime'], { env, stdio: 'ignore' });
  } catch (error) {
    return { missing: `libfaketime could not be installed: ${error instanceof Error ? error.message : String(error)}` };
  }
  const installed = locate();
  return installed === null ? { missing: 'the package faketime brought no libfaketime' } : { library: installed };
}

/** Multi-thread build first: Node is one. */
function locate(): string | null {
  const folders = existsSync('/usr/lib')
    ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'faketime'))
    : [];
  const names = ['libfaketimeMT.so.1', 'libfaketime.so.1'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path)) ?? null;
}

/** A wall clock that jumps when its file says so. The monotonic clock stays true, as it does when a real clock is set. */
export class FakeClock {
  constructor(
    private readonly library: string,
    private readonly file: string,
  ) {
    this.jump(0);
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      // s; how long a process may go on with the offset that it read last.
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on (within a second) the clock of its processes is so many seconds off. */
  jump(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
  }
}
