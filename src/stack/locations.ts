import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** The folder of package.json, from the sources as well as from dist/. */
export function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/**
 * Where downloads and builds are kept between runs: OUTBOX_CACHE_DIR, else temporal-outbox in the user's cache folder,
 * else (no writable home) `cache` in the data folder. The folder exists when this returns.
 */
export function cacheFolder(dataDir: string, env: NodeJS.ProcessEnv): string {
  if (env['OUTBOX_CACHE_DIR']) {
    mkdirSync(env['OUTBOX_CACHE_DIR'], { recursive: true });
    return env['OUTBOX_CACHE_DIR'];
  }
  const users = userCacheFolder(env);
  if (users !== undefined && writable(users)) return users;
  const own = join(dataDir, 'cache');
  mkdirSync(own, { recursive: true });
  return own;
}

/** The home folder if one is set and can be written to; tools that insist on one get a folder of the cache instead. */
export function writableHome(env: NodeJS.ProcessEnv): string | undefined {
  const home = env['HOME'] || safeHomedir();
  if (home === undefined || !isAbsolute(home)) return undefined;
  try {
    accessSync(home, constants.W_OK);
    return home;
  } catch {
    return undefined;
  }
}

function userCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg && isAbsolute(xdg)) return join(xdg, 'temporal-outbox');
  const home = writableHome(env);
  return home === undefined ? undefined : join(home, '.cache', 'temporal-outbox');
}

function safeHomedir(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    // No HOME and no passwd entry for this user id, as in many containers: there is no home.
    return undefined;
  }
}

function writable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
