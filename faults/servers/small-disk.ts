import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './fault-stack';

/** Why no small disk can be made here; null if it can. */
export function smallDiskObstacle(): string | null {
  if (process.platform !== 'linux') return 'a tmpfs of limited size needs Linux';
  if (process.getuid?.() !== 0) return 'mounting a tmpfs of limited size needs root';
  try {
    const folder = temporaryFolder();
    SmallDisk.mount(folder, 1).unmount();
    rmSync(folder, { recursive: true });
    return null;
  } catch (error) {
    return `mounting a tmpfs failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A tmpfs of a fixed size: a real file system that really says ENOSPC. */
export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** Mounts it over a folder, which is made if there is none. */
  static mount(folder: string, megabytes: number): SmallDisk {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'outbox-faults', folder]);
    return new SmallDisk(folder);
  }

  /** Takes all that is free. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.folder);
    const chunk = Buffer.alloc(Math.min(bavail * bsize, 1_048_576));
    // Written in pieces of falling size, until not one more block fits.
    for (let size = chunk.length; size >= bsize; size = Math.floor(size / 2)) {
      while (this.append(chunk.subarray(0, size)));
    }
  }

  free(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    this.free();
    // Lazy: a server that ends a moment late must not keep it.
    execFileSync('umount', ['-l', this.folder]);
  }

  private get filler(): string {
    return join(this.folder, 'filler');
  }

  private append(piece: Buffer): boolean {
    try {
      writeFileSync(this.filler, piece, { flag: 'a' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
      throw error;
    }
  }
}
