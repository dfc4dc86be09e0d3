import { loadavg } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/stack/locations';
import { PARTITIONS } from '../harness/bench';
import { now } from '../harness/clock';
import { Closing } from '../harness/closing';
import { startServers } from '../harness/servers';
import { PAYLOAD_BYTES } from '../load/events';
import { parseOptions } from './options';
import type { PeersOptions } from './options';
import { writePage } from './report/page';
import { circumstances, peerResult, readResults, writeResults } from './report/results';
import type { PeerResult, PeersResults } from './report/results';
import { table } from './report/table';
import { measurePeer } from './suite';

type Log = (line: string) => void;

/** All peers, one after the other on the same servers; one that fails spares the others, and fails the run at its end. */
async function measureAll(options: PeersOptions, closing: Closing, log: Log): Promise<PeersResults> {
  const loadBefore = loadavg()[0] ?? NaN;
  const servers = await startServers(closing, log);
  const began = now();
  const peers: Record<string, PeerResult> = {};
  const results = (): PeersResults => {
    const around = {
      loadBefore,
      tookSeconds: (now() - began) / 1_000,
      payloadBytes: PAYLOAD_BYTES,
      partitions: PARTITIONS,
    };
    return { peers, ...circumstances(options, around) };
  };
  const failed: unknown[] = [];
  for (const name of options.names) {
    const ofPeer = new Closing(log);
    closing.add(name, () => ofPeer.close());
    try {
      peers[name] = peerResult(await measurePeer(name, options, servers, ofPeer, log));
      if (options.json !== null) writeResults(options.json, results());
    } catch (error) {
      log(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
      failed.push(error);
    } finally {
      await ofPeer.close();
    }
  }
  if (failed.length > 0) throw new AggregateError(failed, `${failed.length} of the peers could not be measured`);
  return results();
}

/** Rejects when the run is interrupted or exceeds its time: then everything is ended, as after any other failure. */
function stopped(options: PeersOptions): Promise<never> {
  const { limitSeconds } = options.sizes;
  return new Promise((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('terminated')));
    setTimeout(() => reject(new Error(`not done after ${limitSeconds} s`)), limitSeconds * 1_000).unref();
  });
}

/** `npm run bench:peers -- --json FILE | --report FILE`. Progress goes to stderr, the table to stdout. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.report !== null) {
    writePage(join(packageRoot(), 'docs'), readResults(options.report));
    return 0;
  }
  const began = now();
  const log: Log = (line) =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  log(`seed ${options.seed}`);
  try {
    const results = await Promise.race([measureAll(options, closing, log), stopped(options)]);
    process.stdout.write(`${table(results)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
