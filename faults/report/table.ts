import Table from 'cli-table3';
import type { FaultsResults } from './results';

/** The table for the terminal, a line for each scenario, and what failed in full below it. */
export function table(results: FaultsResults): string {
  const lines = new Table({
    head: [
      'scenario',
      'faults',
      'fired',
      'events',
      'missing',
      'duplicates',
      'order',
      'other',
      'recover s',
      'took s',
      '',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const scenario of results.scenarios) {
    const times = scenario.faults.flatMap(({ recoverMs }) => (recoverMs === null ? [] : [recoverMs]));
    lines.push([
      `${scenario.group}/${scenario.name}`,
      scenario.faults.length,
      scenario.faults.reduce((sum, { fired }) => sum + fired, 0),
      scenario.events,
      scenario.missing,
      scenario.duplicates,
      scenario.orderBreaks,
      scenario.otherFindings,
      times.length === 0 ? '-' : (Math.max(...times) / 1_000).toFixed(1),
      scenario.tookSeconds.toFixed(0),
      scenario.failure === null ? '' : 'FAILED',
    ]);
  }
  const failures = results.scenarios.flatMap(({ group, name, seed, failure }) =>
    failure === null ? [] : [`\n${group}/${name} (seed ${seed}) FAILED: ${failure}`],
  );
  const { soak } = results;
  const soaked =
    soak === undefined
      ? []
      : [
          `soak of ${soak.minutes} min: memory ${soak.rssSlopeMbPerMinute} MB/min (${soak.rssFirstMb} → ${soak.rssLastMb} MB), ` +
            `file descriptors ${soak.fdsFirst} → ${soak.fdsLast}`,
        ];
  const verdict =
    `seed ${results.seed}: ${results.events} events, ${results.missing} missing, ${results.duplicates} duplicates, ` +
    `${results.orderBreaks} order breaks, ${results.otherFindings} other findings in ${results.tookSeconds} s: ${results.clean ? 'CLEAN' : 'NOT CLEAN'}`;
  return [...failures, lines.toString(), ...soaked, verdict].join('\n');
}
