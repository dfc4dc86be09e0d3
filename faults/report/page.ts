import { writeFileSync } from 'node:fs';
import type { ScenarioResult } from '../runner/run-scenario';
import type { FaultsResults } from './results';

/** Writes the page from one or more runs: the whole one, and a soak. */
export function writePage(file: string, runs: readonly FaultsResults[]): void {
  writeFileSync(file, page(runs));
}

const HEAD = `# Reliability

This page is written by \`npm run faults\` from the results of its runs; edit \`faults/report/page.ts\`, not this file.

\`\`\`
npm run faults -- --json faults.json                    # everything below
npm run faults -- --quick                               # a short selection, at most 6 minutes
npm run faults -- --only kafka frames --seed 4711       # a group or single scenarios, as a seed of an earlier run had them
npm run faults -- --soak 30 --json soak.json            # mixed faults at random on one installation
npm run faults -- --soak 30 --memory memory.ndjson      # … and what the workers' memory is made of, minute by minute
npm run faults -- --report faults.json soak.json        # writes this page
npm run faults -- --list
\`\`\`

Needs what the embedded stack needs, and Linux; root for the full disks (a tmpfs of limited size) and for installing libfaketime. What a machine
cannot do counts as not fired, and the run as not clean.

## How it is tested

- **Servers** are real: Postgres, Kafka and Temporal as the embedded stack starts them, three brokers with three replicas for the scenarios of
  the cluster. Workers and api are the built program, each a process of its own. Between them and the servers are TCP proxies, one of
  which knows Kafka's frames and loses, cuts or holds back single requests and answers.
- **Traffic** flows while faults happen: writers of several tenants by SQL (several events per transaction, rollbacks, writers of one key at the same
  time that commit in reverse order) and by HTTP (single and in batches; a lost answer is repeated with the same dedupe keys). They log what was
  acknowledged to them, as a careful application would.
- **The seed** decides traffic, order and moments of faults. A scenario's own seed depends on the run's seed and its name only, so
  \`--only NAME --seed N\` repeats what it did in the whole run, as far as processes and servers repeat it. The plan is printed first.
- **Recovery** is the time from the moment when the fault is undone (for a kill: from the kill, or from the start of the new process if there was no
  other) until everything that had been accepted by then is published, while traffic goes on. The longest of all times that the fault fired.
- **Then it must heal**: traffic stops, and within 60 s all that was accepted must be published.
- **Then the audit**: every topic is read from its start as a \`read_committed\` consumer, by code that shares nothing with the product, and compared
  with the producers' log: missing, duplicates, order per tenant and key, bytes, headers, tenants, events that nobody was told of, transactions left open,
  and accepted = pending + published + failed + skipped. It fails too if too few events flowed or if a planned fault did not happen: each writes a proof
  when it does.
`;

function page(runs: readonly FaultsResults[]): string {
  return `${[HEAD, ...runs.map(section), WHAT_IS_NOT].join('\n')}`;
}

const WHAT_IS_NOT = `## What is not tested here

Packet loss and jitter (\`tc netem\`), partitions between brokers, disks that lie about fsync, and machines of more than one host. The protocol
itself is explored exhaustively to a stated depth in [model.md](model.md).
`;

function section(run: FaultsResults): string {
  const { machine, soak } = run;
  const verdict = run.clean ? 'clean: every planned fault happened' : '**not clean**, see below';
  return `## ${kindOf(run)}

${run.date.slice(0, 16).replace('T', ' ')} UTC, seed ${run.seed}, \`--seconds ${run.seconds}\`, ${Math.round(run.tookSeconds / 60)} minutes: ${machine.cpus} × ${machine.model}, ${machine.memoryGb} GiB,
${machine.system}, Node ${machine.node}; servers, workers, api and producers share it.

**${number(run.events)} events: ${run.missing} missing, ${run.duplicates} duplicates, ${run.orderBreaks} order breaks, ${run.otherFindings} other findings; ${verdict}.**
${soak === undefined ? '' : soakLines(soak)}${failures(run.scenarios)}
${markdownTable(
  ['fault', 'fired', 'events of the scenario', 'missing', 'duplicates', 'order breaks', 'time to recover, s'],
  run.scenarios.flatMap(rows),
)}

${soak === undefined ? about(run.scenarios) : ''}`;
}

function kindOf({ soak, quick, only }: FaultsResults): string {
  if (soak !== undefined) return `Soak of ${Math.round(soak.minutes)} minutes`;
  if (only !== null) return `Only ${only.join(', ')}`;
  return quick ? 'Short selection' : 'Full run';
}

function soakLines(soak: NonNullable<FaultsResults['soak']>): string {
  return `
Of the worker that no fault of workers hit, after warm-up: memory ${soak.rssFirstMb} MB at first, ${soak.rssLastMb} MB at last, slope ${soak.rssSlopeMbPerMinute} MB per
minute; ${soak.fdsFirst} file descriptors at first, ${soak.fdsLast} at last (${number(soak.samples)} samples).
What grows is told apart in [decision 0014](decisions/0014-memory-of-a-worker.md).
`;
}

function failures(scenarios: readonly ScenarioResult[]): string {
  const failed = scenarios.filter(({ failure }) => failure !== null);
  if (failed.length === 0) return '';
  const lines = failed.map(({ group, name, failure }) => `- \`${group}/${name}\`: ${(failure ?? '').split('\n')[0]}`);
  return `\nFailed:\n\n${lines.join('\n')}\n`;
}

/** One row a fault; what the audit says holds for the whole scenario, and stands in its first row. */
function rows(scenario: ScenarioResult): string[][] {
  const { events, missing, duplicates, orderBreaks } = scenario;
  const audit = [number(events), String(missing), String(duplicates), String(orderBreaks)];
  return scenario.faults.map(({ name, fired, recoverMs, impossible }, index) => [
    `\`${scenario.name}/${name}\``,
    impossible === undefined ? String(fired) : `no: ${impossible}`,
    ...(index === 0 ? audit : audit.map(() => '″')),
    recoverMs === null ? '–' : (recoverMs / 1_000).toFixed(1),
  ]);
}

function about(scenarios: readonly ScenarioResult[]): string {
  return `### The scenarios\n\n${scenarios.map(({ name, about: text }) => `- \`${name}\`: ${text}.`).join('\n')}\n`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
