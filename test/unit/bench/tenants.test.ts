import fc from 'fast-check';
import { portsOf, sumOfActions } from '../../../bench/tenants/harness/actions';
import { drainRate } from '../../../bench/tenants/harness/published';
import { inTurn, lone, sparse } from '../../../bench/tenants/harness/schedule';
import { drainOf, rateOf } from '../../../bench/tenants/measure/drains';
import { worse } from '../../../bench/tenants/measure/quiet';
import { parseOptions } from '../../../bench/tenants/options';
import { asJson, circumstances } from '../../../bench/tenants/report/results';
import { table } from '../../../bench/tenants/report/table';
import { Random } from '../../../faults/traffic/random';

const tenants = ['a', 'b', 'c'];

describe('schedules of the tenants benchmark', () => {
  it('spread the rate evenly over the time, whoever has the events', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 20 }), (perSecond, seconds) => {
        const all = [...sparse(new Random(1), { tenants, perSecond, seconds })];
        expect(all).toHaveLength(perSecond * seconds);
        expect(all[0]?.afterMs).toBe(0);
        expect(all.at(-1)?.afterMs).toBeCloseTo(seconds * 1_000 - 1_000 / perSecond);
        expect(all.every(({ tenant }) => tenants.includes(tenant))).toBe(true);
      }),
    );
  });

  it('give each tenant its turn before any has another', () => {
    const all = [...inTurn({ tenants, perSecond: 10, rounds: 2 })];
    expect(all.map(({ tenant }) => tenant)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(all.map(({ afterMs }) => afterMs)).toEqual([0, 100, 200, 300, 400, 500]);
  });

  it('keep lone events apart', () => {
    const all = [...lone(new Random(2), { tenant: 'a', count: 200, gapMs: [40, 80] })].map(({ afterMs }) => afterMs);
    const gaps = all.slice(1).map((at, index) => at - (all[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(80);
  });
});

describe('rates of the tenants benchmark', () => {
  it('count from the first to the last arrival, without those of the first answer', () => {
    expect(rateOf({ count: 1_100, firstCount: 100, firstAt: 5_000, lastAt: 7_000 })).toBe(500);
  });

  it('take a backlog from its first to its last published event', () => {
    const samples = [
      { at: 0, published: 0 },
      { at: 100, published: 50 },
      { at: 200, published: 150 },
      { at: 300, published: 250 },
      { at: 400, published: 250 },
    ];
    expect(drainRate(samples, 250)).toBe(1_000);
    expect(drainRate(samples, 300)).toBeCloseTo((200 / 300) * 1_000);
    expect(drainRate(samples.slice(0, 2), 250)).toBeNaN();
    expect(drainRate([], 1)).toBeNaN();
  });

  it('compare each round with one tenant in the same round', () => {
    const round = (rate: number, worker: number) => ({ rate, cpuSecondsPer100k: { worker } });
    const many = [round(900, 1), round(400, 3), round(850, 2)];
    const ones = [round(1_000, 1), round(500, 1), round(1_000, 1)];
    expect(drainOf(many, ones)).toEqual({ rate: 850, ratio: 0.85, cpuSecondsPer100k: { worker: 2 } });
  });

  it('take the worse of the two topics in each figure', () => {
    const one = { events: 1, p50: 5, p99: 80, backlogShare: 0.9, backlogAlone: 1 };
    expect(worse(one, { ...one, p50: 7, p99: 60, backlogShare: 0.95 })).toEqual({ p50: 7, p99: 80, backlogShare: 0.9 });
  });
});

describe("Temporal's counter of actions", () => {
  it('is summed over the kinds of one namespace', () => {
    const text = [
      '# TYPE action counter',
      'action{action_type="command_BatchMarkers",namespace="default",service_name="frontend"} 80',
      'action{action_type="grpc_SignalWithStartWorkflowExecution",namespace="default"} 1.5e+01',
      'action{action_type="grpc_StartWorkflowExecution",namespace="temporal_system"} 2',
      'actions_other{namespace="default"} 7',
    ].join('\n');
    expect(sumOfActions(text, 'default')).toBe(95);
    expect(sumOfActions('', 'default')).toBe(0);
  });

  it('is looked for at the ports of the process alone, and only where it listens', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:5FEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1',
      '   1: 0100007F:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 12 1',
      '   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1',
    ].join('\n');
    expect(portsOf(table, new Set(['11', '12']))).toEqual([0x5fea]);
  });
});

describe('results of the tenants benchmark', () => {
  const options = parseOptions(['--quick', '--seed', '7', '--most', '50']);
  const around = circumstances(options, ['kafka'], { tookSeconds: 1.23, loadBefore: 0.5 });
  const drain = { rate: 14_000, ratio: 0.95, cpuSecondsPer100k: { worker: 4 } };

  it('never attach more tenants than asked for', () => {
    expect(options.sizes.drainTenants).toEqual([1, 20, 50]);
    expect(options.sizes.sleepers).toBe(50);
  });

  it('have the rates alone under `drain`, by number of tenants', () => {
    const json = asJson({ drains: { '1': drain, '1000': drain } }, around);
    expect(json).toMatchObject({ drain: { '1': 14_000, '1000': 14_000 }, seed: 7 });
    expect(json).not.toHaveProperty('sparse');
  });

  it('are printed with what they are compared with, and without the parts that were left out', () => {
    const latency = { events: 100, p50: 15, p99: 60 };
    const cores = { worker: 0.4, postgres: 0.4, kafka: 0.2, temporal: 0.1, together: 1 };
    const sparseOf = { rate: 200, ...latency, cores: 1, coresOf: cores, actionsPerEvent: 0.02 };
    const sparse = { 1000: { ...sparseOf, p50: 18 }, one: sparseOf };
    const printed = table({ drains: { '1000': drain }, sparse }, around);
    expect(printed).toContain('14,000 events/s');
    expect(printed).toContain('p50 1.20 of one');
    expect(printed).not.toContain('backlog');
    expect(printed).toContain('load before 0.5');
  });
});
