import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Compiles a project and bundles its workflow code, unless the bundle (the last product) is newer than all sources. */
export function buildIfStale({ project, compiled, sources }) {
  const bundle = join(root, compiled, 'workflow-bundle.js');
  const built = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const inputs = [...sources.map((folder) => join(root, folder)), join(root, 'package.json'), join(root, project)];
  if (built > Math.max(...inputs.map(newest))) return;
  process.stderr.write(`building ${compiled}\n`);
  run(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, project));
  run(join(root, compiled, 'temporal', 'build-workflow-bundle.js'));
}

/** The youngest change in a file or folder; a folder's own time tells of deleted files. 0 if it does not exist. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function run(...args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2], cwd: root });
  if (status === 0) return;
  process.stderr.write(`the build failed${error ? `: ${error.message}` : ''}; run "npm ci" and try again\n`);
  process.exit(1);
}
