import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from './plot';
import type { PeerResult, PeersResults } from './results';
import { COLUMNS, formatted, measured, rowOf } from './table';

interface Plot {
  readonly file: string;
  readonly title: string;
  readonly note: string;
  readonly value: (peer: PeerResult) => number | null;
  readonly digits: number;
  readonly logarithmic: boolean;
}

const PLOTS: readonly Plot[] = [
  {
    file: 'peers-drain.svg',
    title: 'Backlog drain, events per second',
    note: 'more is better',
    value: (peer) => peer.drainRate,
    digits: 0,
    logarithmic: false,
  },
  {
    file: 'peers-p50.svg',
    title: 'Commit to consumer at 200 events/s, p50, ms',
    note: 'less is better',
    value: (peer) => peer.p50,
    digits: 1,
    logarithmic: true,
  },
  {
    file: 'peers-lone.svg',
    title: 'Commit to consumer of single events, p50, ms',
    note: 'less is better',
    value: (peer) => peer.loneP50,
    digits: 1,
    logarithmic: true,
  },
  {
    file: 'peers-p99.svg',
    title: 'Commit to consumer at 200 events/s, p99, ms',
    note: 'less is better',
    value: (peer) => peer.p99,
    digits: 1,
    logarithmic: true,
  },
  {
    file: 'peers-cpu.svg',
    title: 'CPU seconds of the peer per 100,000 events',
    note: 'less is better',
    value: (peer) => peer.cpuSecondsPer100k,
    digits: 2,
    logarithmic: true,
  },
  {
    file: 'peers-memory.svg',
    title: 'Peak memory of the peer, MiB',
    note: 'less is better',
    value: (peer) => peer.peakMb,
    digits: 0,
    logarithmic: false,
  },
];

/** Writes `performance-peers.md` into `docs` and its plots into `docs/plots`. */
export function writePage(docs: string, results: PeersResults): void {
  const plots = join(docs, 'plots');
  mkdirSync(plots, { recursive: true });
  for (const plot of PLOTS) writeFileSync(join(plots, plot.file), draw(plot, results));
  writeFileSync(join(docs, 'performance-peers.md'), page(results));
}

function draw(plot: Plot, results: PeersResults): string {
  const bars = measured(results).flatMap(([label, peer]) => {
    const value = plot.value(peer);
    return value === null
      ? []
      : [{ label, value, text: formatted(value, plot.digits), ours: label === 'temporal-outbox' }];
  });
  return barPlot({ ...plot, bars });
}

function page(results: PeersResults): string {
  const { machine, run, seed, date } = results;
  const peers = measured(results);
  return `# Beside what one would pick instead

This page is written by \`npm run bench:peers\` from the figures of one run; edit \`bench/peers/report\`, not this file.

\`\`\`
npm run bench:peers -- --json peers.json [--quick] [--seed N] [--seconds S] [--only ${peers
    .map(([name]) => name)
    .slice(0, 2)
    .join(',')}]
npm run bench:peers -- --report peers.json
\`\`\`

The first measures and writes the figures, the second writes this page and its plots from them. Needs Linux, Java 17 and Maven, as the
embedded stack does. Figures are of the machine that they were measured on: compare within one run, not between runs.

${run.quick ? 'A quick run' : 'A full run'} of ${date.slice(0, 16).replace('T', ' ')} UTC, seed ${seed}, ${formatted(run.tookSeconds / 60, 0)} minutes: ${machine.cpus} × ${machine.model},
${machine.memoryGb} GiB, ${machine.system}, Node ${machine.node}. Load average over a minute ${formatted(machine.load.before, 1)} before and ${formatted(machine.load.after, 1)} after the run.
Postgres, Kafka, Temporal, the peer, the writers and the consumer share these cores.
${(results.notes ?? []).map((note) => `\n> ${note}\n`).join('')}
## Figures

${markdownTable(
  ['peer', ...COLUMNS.map(({ head }) => head)],
  peers.map(([name, peer]) => [`\`${name}\``, ...rowOf(peer)]),
)}

${PLOTS.map(({ title, file }) => `![${title}](plots/${file})`).join('\n\n')}

## What was measured

- **Same for all**: the same servers, started fresh; ${run.payloadBytes}-byte JSON payloads made from the seed; a topic of ${run.partitions} partitions; one
  \`read_committed\` consumer (stock kafkajs) in a process of its own. One peer runs at a time, in its own processes, warmed up.
- **Drain**: a backlog of ${formatted(run.drainEvents, 0)} events, seen by the idle peer all at once. Events after the consumer's first answer ÷ time from
  the first to the last arrival, so start-up is excluded; the median of up to three. At most ${run.capSeconds} s: what has not come by then is left out.
- **Latency**: an open loop of ${run.steadyPerSecond} commits/s for ${run.steadySeconds} s. From the moment at which the commit was due (waiting counts) to the
  consumer. Before it ${run.lonePerSecond} single commits/s for 11 s: each alone, while the peer still waits for it. The database is vacuumed before
  both, as autovacuum would do within a minute of the drains. An event that had not come when the measurement ended counts with the time it had waited by then.
- **CPU**: user and system time of the peer's processes and their children (/proc/PID/stat) from the first arrival until a second after the
  last, per 100,000 events that arrived in between. The servers' share is listed below.
- **Memory**: largest resident size (VmHWM) from the start of the processes to the end of the drains.
- **Duplicates**: arrivals beyond the first of each event, told apart by a number in the payload, after one kill -9 of all processes of the
  peer about a third into a backlog, and its restart. One kill is one sample: whether it hits the moment between a send and its record is
  luck, so a 0 proves nothing for a peer that has no protocol against it. At most ${2 * run.capSeconds} s are waited for the last event.

## How each is set, and what it sends

${peers.map(about).join('\n')}

## Details

${markdownTable(
  [
    'peer',
    'drains: arrived of stored',
    'events/s of each',
    'killed at',
    'of',
    'outstanding',
    'to the last, s',
    'late at 200/s',
  ],
  peers.map(([name, { details }]) => [
    `\`${name}\``,
    details.drain.rounds.map((round) => `${formatted(round.arrived, 0)} of ${formatted(round.stored, 0)}`).join('; '),
    details.drain.rounds.map((round) => formatted(round.rate, 0)).join('; '),
    formatted(details.kill.arrivedBefore, 0),
    formatted(details.kill.events, 0),
    formatted(details.kill.outstanding, 0),
    formatted(details.kill.recoverSeconds, 1),
    `${formatted(details.latency.outstanding, 0)} of ${formatted(details.latency.events, 0)}`,
  ]),
)}

CPU seconds per 100,000 events, of the servers beside the peer's own:

${markdownTable(
  ['peer', 'peer', ...servers(results)],
  peers.map(([name, { cpuSecondsPer100k, details }]) => [
    `\`${name}\``,
    formatted(cpuSecondsPer100k, 2),
    ...servers(results).map((server) => formatted(details.drain.serverCpuSecondsPer100k[server] ?? null, 2)),
  ]),
)}
${otherPayloads(results)}`;
}

function about([name, peer]: readonly [string, PeerResult]): string {
  const names = peer.details.latency.headers.map((header) => `\`${header}\``).join(' ');
  return `- \`${name}\`: ${peer.about}. ${peer.headers} headers per message: ${names}.`;
}

function servers(results: PeersResults): string[] {
  const names = measured(results).flatMap(([, peer]) => Object.keys(peer.details.drain.serverCpuSecondsPer100k));
  return [...new Set(names)].sort();
}

function otherPayloads(results: PeersResults): string {
  const peers = measured(results).filter(([, peer]) => Object.keys(peer.otherPayloads).length > 0);
  const sizes = Object.keys(peers[0]?.[1].otherPayloads ?? {});
  if (sizes.length === 0) return '';
  const rows = peers.map(([name, peer]) => [
    `\`${name}\``,
    ...sizes.map((size) => formatted(peer.otherPayloads[size] ?? null, 0)),
  ]);
  const heads = sizes.map((size) => `${formatted(Number(size), 0)} bytes, events/s`);
  return `\nOther payload sizes, drained once each:\n\n${markdownTable(['peer', ...heads], rows)}\n`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
