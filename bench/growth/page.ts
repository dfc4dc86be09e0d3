import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barPlot } from '../peers/report/plot';
import type { Point } from './curves';
import { CURVES } from './options';
import type { CurveName } from './options';
import type { GrowthResults } from './results';

interface CurveText {
  readonly title: string;
  readonly unit: string;
  readonly setting: string;
}

const TEXTS: Readonly<Record<CurveName, CurveText>> = {
  tenants: {
    title: 'Tenants',
    unit: 'tenants',
    setting: 'The same number of events, shared by ever more tenants on one topic of 6 partitions; one worker.',
  },
  backlog: {
    title: 'One tenant and twenty, with a longer backlog',
    unit: 'tenants',
    setting: 'As above with four times the events: starting each publisher is a smaller part of the whole; one worker.',
  },
  stored: {
    title: 'Stored events',
    unit: 'published events in the table',
    setting: 'One tenant drains while the table already holds so many published events of another; one worker.',
  },
  payload: {
    title: 'Payload',
    unit: 'bytes of payload',
    setting: 'One tenant, one worker; fewer events where they are large (128 MiB at most per drain).',
  },
  workers: {
    title: 'Workers',
    unit: 'workers',
    setting: '20 tenants. All workers, the servers, the writer and the consumer share the same cores.',
  },
};

/** Writes `performance-growth.md` into `docs` and its plots into `docs/plots`. */
export function writePage(docs: string, results: GrowthResults): void {
  const plots = join(docs, 'plots');
  mkdirSync(plots, { recursive: true });
  const curves = CURVES.flatMap((name) => {
    const points = results.growth[name];
    return points === undefined ? [] : [{ name, points, ...TEXTS[name] }];
  });
  for (const { name, points, title, unit } of curves) {
    const bars = points.map(({ at, rate }) => ({
      label: `${count(at)} ${shortUnit(name)}`,
      value: rate,
      text: `${count(rate)}/s`,
      ours: true,
    }));
    writeFileSync(
      join(plots, `growth-${name}.svg`),
      barPlot({ title: `${title}: events per second`, note: `by ${unit}`, bars, logarithmic: false }),
    );
  }
  writeFileSync(join(docs, 'performance-growth.md'), page(results, curves));
}

function page(
  { machine, run, seed, date, notes }: GrowthResults,
  curves: readonly (CurveText & { readonly name: CurveName; readonly points: readonly Point[] })[],
): string {
  const sections = curves.map(({ name, points, title, unit, setting }) => {
    const [first] = points;
    const rows = points.map(
      ({ at, rate, mib, rounds, workerMb }) =>
        `| ${count(at)} | ${count(rate)} | ${(rate / (first?.rate ?? NaN)).toFixed(2)} | ${mib.toFixed(1)} | ${rounds.map(count).join(', ')} | ${workerMb === null ? '–' : count(workerMb)} |`,
    );
    return `## ${title}

${setting}

| ${unit} | events/s | of the first | MiB/s | each drain | worker, MiB so far |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

![${title}](plots/growth-${name}.svg)
`;
  });
  return `# How the drain rate grows

This page is written by \`npm run bench:growth\` from the figures of one run; edit \`bench/growth/page.ts\`, not this file.
[performance.md](performance.md) explains the curves.

\`\`\`
npm run bench:growth -- --json growth.json [--quick] [--seed N] [--only ${CURVES.join(' ')}]
npm run bench:growth -- --report growth.json
\`\`\`

${run.quick ? 'A quick run' : 'A full run'} of ${date.slice(0, 16).replace('T', ' ')} UTC, seed ${seed}, ${(run.tookSeconds / 60).toFixed(0)} minutes: ${machine.cpus} × ${machine.model},
${machine.memoryGb} GiB, ${machine.system}, Node ${machine.node}. Load average over a minute ${machine.load.before} before and ${machine.load.after} after the run.
${(notes ?? []).map((note) => `\n> ${note}\n`).join('')}
Each point: ${count(run.drainEvents)} events (300 bytes unless said otherwise) stored in one transaction while their publishers sleep, then drained; events
per second from the first to the last arrival at a \`read_committed\` consumer, median of ${run.rounds}. Compare within one run.

${sections.join('\n')}`;
}

function shortUnit(name: CurveName): string {
  if (name === 'payload') return 'bytes';
  return name === 'backlog' ? 'tenants' : name;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
