import Table from 'cli-table3';
import type { Latency } from '../harness/open-loop';
import type { Idle } from '../measure/sparse';
import type { Circumstances, Measured, SparseParts } from './results';

type Row = [measured: string, figure: string, beside: string, ratio: string];

/** The figures for people, each beside what it is compared with. */
export function table(measured: Measured, around: Circumstances): string {
  const rows = new Table({ head: ['measured', 'figure', 'beside', 'ratio'], style: { head: [], border: [] } });
  rows.push(
    ...drainRows(measured),
    ...sparseRows(measured.sparse ?? {}),
    ...quietRows(measured),
    ...otherRows(measured),
  );
  const { machine, quick, seed, tookSeconds, loadBefore, date } = around;
  const where = `${machine.cpus} × ${machine.model}, ${machine.memoryGb} GiB, ${machine.system}, Node ${machine.node}`;
  const shared = machine.embedded.length > 0 ? `; ${machine.embedded.join(', ')} on the same machine` : '';
  const what = `${quick ? 'quick' : 'full'} run, seed ${seed}, ${tookSeconds} s, load before ${loadBefore}, ${date}`;
  return `${rows.toString()}\n${where}${shared}\n${what}`;
}

function drainRows({ drains = {} }: Measured): Row[] {
  return Object.entries(drains).map(([tenants, { rate, ratio, cpuSecondsPer100k }]) => {
    const cpu = Object.entries(cpuSecondsPer100k).map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`);
    const what = tenants === 'ownTopics' ? 'drain, on topics of their own' : `drain, ${tenants} attached`;
    return [what, `${whole(rate)} events/s`, `CPU s per 100k: ${cpu.join(' ')}`, `${ratio.toFixed(2)} of one`];
  });
}

/** `sparse` by number of tenants, the largest of which the figures of one are compared with. */
function sparseRows(sparse: SparseParts): Row[] {
  const { one, lone, bare, asleep, idle } = sparse;
  const rows: Row[] = [];
  for (const key of Object.keys(sparse).filter((name) => /^\d+$/.test(name))) {
    const all = sparse[Number(key)];
    if (all === undefined || one === undefined) continue;
    const per = (all.actionsPerEvent ?? NaN).toFixed(3);
    const cores = `cores ${all.cores} beside ${one.cores} (${ratio(all.cores, one.cores)}), ${per} actions per event`;
    rows.push([
      `${key} attached, together ${all.rate}/s`,
      latency(all),
      cores,
      `p50 ${ratio(all.p50, one.p50)} of one`,
    ]);
    rows.push([`one tenant, ${one.rate}/s`, latency(one), '', '']);
  }
  if (lone !== undefined) rows.push(['lone events', latency(lone), `${lone.events} events`, '']);
  if (asleep !== undefined && bare !== undefined) {
    const floor = bare.roundTrip.p50 + (lone?.p50 ?? 0);
    const beside = `bare wakes ${bare.wakesPerSecond}/s; ${latency(bare.roundTrip)} at ${bare.perSecond}/s`;
    const name = `from asleep, ${asleep.tenants} tenants, ${asleep.perSecond}/s`;
    rows.push([name, latency(asleep), beside, `p50 ${ratio(asleep.p50, floor)} of bare + lone`]);
    const { cores, actionsPerEvent } = asleep;
    rows.push(['', `cores ${cores.together}, Temporal ${cores.temporal}`, `${actionsPerEvent} actions per event`, '']);
  }
  return [...rows, ...(idle ?? []).map(idleRow)];
}

function idleRow({ tenants, cores, coresOf }: Idle): Row {
  return [
    `${tenants} attached and idle`,
    `${cores} cores`,
    `worker ${coresOf.worker}, Temporal ${coresOf.temporal}`,
    '',
  ];
}

function quietRows({ quiet }: Measured): Row[] {
  if (quiet === undefined) return [];
  const { alone, besideOtherTopic, besideSameTopic } = quiet;
  const rows: Row[] = [['50 quiet tenants, alone', latency(alone), '', '']];
  for (const [where, beside] of [
    ['another', besideOtherTopic],
    ['the same', besideSameTopic],
  ] as const) {
    const backlog = `backlog at ${beside.backlogShare} of ${whole(beside.backlogAlone)}/s`;
    rows.push([
      `beside a backlog, ${where} topic`,
      latency(beside),
      backlog,
      `p99 ${ratio(beside.p99, alone.p99)} of alone`,
    ]);
  }
  return rows;
}

function otherRows({ recoveries, recoverSeconds, cold }: Measured): Row[] {
  const rows: Row[] = [];
  if (recoveries !== undefined) {
    const runs = recoveries.map(({ seconds, publishers }) => `${seconds} s (${publishers} publishers)`);
    rows.push(['leader killed, all published after', `${recoverSeconds} s`, runs.join(', '), '']);
  }
  if (cold !== undefined) {
    const { tenants, seconds, floorSeconds, workerMb } = cold;
    const beside = `bare workflows ${floorSeconds} s; worker ${workerMb} MiB`;
    rows.push([`${tenants} cold tenants`, `${seconds} s`, beside, ratio(seconds, floorSeconds)]);
  }
  return rows;
}

function latency({ p50, p99 }: Pick<Latency, 'p50' | 'p99'>): string {
  return `p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)} ms`;
}

function ratio(one: number | null, another: number | null): string {
  return one === null || another === null ? 'not known here' : (one / another).toFixed(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
