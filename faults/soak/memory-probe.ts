import { appendFileSync, readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { residentByKind } from './resident-by-kind';

/**
 * Loaded into a worker before its program (`--require`), and so into each of its threads: once a minute, after a forced collection, it
 * appends to FAULTS_MEMORY_LOG what lives in the thread's heap, and for the process what its resident memory is made of. A
 * resident size alone does not tell a leak from room that V8 and the allocator keep.
 */
const EVERY_MS = 60_000;
const MIB = 1_048_576;

const file = process.env['FAULTS_MEMORY_LOG'];
if (file !== undefined && file !== '') {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const started = Date.now();
  const sample = (): void => {
    collect();
    const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
    const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;
    const line = {
      pid: process.pid,
      thread: threadId,
      minute: Math.round((Date.now() - started) / 60_000),
      heapLiveMb: mib(heapUsed),
      heapKeptMb: mib(heapTotal),
      externalMb: mib(external),
      contexts: getHeapStatistics().number_of_native_contexts,
      ...(threadId === 0
        ? { rssMb: mib(rss), resident: residentByKind(readFileSync('/proc/self/smaps', 'utf8')) }
        : {}),
    };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
  setInterval(sample, EVERY_MS).unref();
}
