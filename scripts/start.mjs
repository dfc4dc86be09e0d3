/**
 * `npm start`: builds if needed and runs api, worker and the embedded stack, with the arguments given. The npm script
 * says `exec`: else npm's shell stands between, dies of npm's SIGTERM and leaves us running.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale, root } from './build-if-stale.mjs';

buildIfStale({ project: 'tsconfig.build.json', compiled: 'dist', sources: ['src'] });

// Started by npm and npm was killed: nobody is left who would pass on a signal, so we end as if by SIGTERM.
const parent = process.ppid;
if (process.env.npm_lifecycle_event === 'start') {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 1_000).unref();
}

// In this very process: a signal to `npm start` then reaches the application itself, nothing has to pass it on.
const main = join(root, 'dist', 'main.js');
process.argv = [process.argv[0], main, 'all', ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
