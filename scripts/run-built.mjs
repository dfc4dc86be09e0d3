/** `node scripts/run-built.mjs dist-bench/bench/run.js [arguments]`: compiles the product and the benchmarks, and runs the file. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale, root } from './build-if-stale.mjs';

// What is measured is the product as its users start it, from dist.
buildIfStale({ project: 'tsconfig.build.json', compiled: 'dist', sources: ['src'] });
buildIfStale({
  project: 'tsconfig.bench.json',
  compiled: 'dist-bench/src',
  sources: ['src', 'bench', 'faults', 'model'],
});

const file = resolve(root, process.argv[2]);
process.argv = [process.argv[0], file, ...process.argv.slice(3)];
await import(pathToFileURL(file).href);
