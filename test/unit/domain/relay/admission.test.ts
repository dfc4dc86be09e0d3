import fc from 'fast-check';
import { Admission, FIRST_WAIT_MS, LONGEST_WAIT_MS } from '../../../../src/domain/relay/admission';
import type { AdmissionState, LedPartition, TopicPartition } from '../../../../src/domain/relay/admission';
import { same } from './same';

const LEDGER: LedPartition = { topic: 'ledger', partition: 0, leader: 1 };

interface Known {
  state: AdmissionState;
  due: number;
  /** Failures in a row, without a long admission in between. */
  failures: number;
  admittedAt: number;
}

type What = 'ask' | 'probe' | 'ok' | 'not' | 'fails' | 'forget';

const move = fc.record({
  do: fc.constantFrom<What>('ask', 'ask', 'probe', 'probe', 'ok', 'ok', 'not', 'fails', 'forget'),
  partition: fc.nat(3),
  after: fc.oneof(fc.nat(40_000), fc.constantFrom(0, LONGEST_WAIT_MS)),
  limit: fc.integer({ min: 1, max: 3 }),
});

const waitAfter = (failures: number): number => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));

describe('admission of partitions', () => {
  it('is given by a probe only, lost by a failure, and asked for again with longer and longer waits', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 150, size: 'max' }), (moves) => {
        const admission = new Admission();
        const known = new Map<number, Known>();
        let now = 1_000;
        const fail = (one: Known): void => {
          if (one.state === 'suspended') return;
          if (one.state === 'admitted' && now - one.admittedAt >= LONGEST_WAIT_MS) one.failures = 0;
          one.failures += 1;
          one.due = now + waitAfter(one.failures);
          one.state = 'suspended';
        };
        for (const { do: what, partition, after, limit } of moves) {
          now += after;
          const one = known.get(partition);
          const place: TopicPartition = { topic: 't', partition };
          if (what === 'ask') {
            same(admission.admits('t', partition, now), one?.state === 'admitted');
            if (one === undefined) known.set(partition, { state: 'unknown', due: now, failures: 0, admittedAt: 0 });
          } else if (what === 'probe') {
            const due = [...known].filter(
              ([, { state, due: at }]) => ['unknown', 'suspended'].includes(state) && at <= now,
            );
            const probed = admission.toProbe(now, limit);
            same(probed.length, Math.min(limit, due.length));
            const order = probed.map(({ partition: of }) => known.get(of)?.due ?? NaN);
            const left = due.map(([, { due: at }]) => at).sort((a, b) => a - b);
            same(order, left.slice(0, limit));
            for (const { partition: of } of probed) (known.get(of) as Known).state = 'probing';
          } else if (what === 'ok' || what === 'not') {
            const ok = what === 'ok';
            if (one?.state === 'probing' && !ok) fail(one);
            if (one?.state === 'probing' && ok) Object.assign(one, { state: 'admitted', admittedAt: now });
            same(admission.probed(place, ok, now), one?.state === 'admitted');
          } else if (what === 'fails') {
            if (one === undefined) continue;
            const all = [{ ...place, leader: 1 }, LEDGER];
            same(admission.failed([place], all, LEDGER, now), { kind: 'suspended', partitions: [place] });
            fail(one);
          } else if (partition === 0) {
            admission.forget('t');
            known.clear();
          }
          check(admission, known);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('suspends what failed, unless the ledger or most leaders did: then Kafka is sick and nobody is moved', () => {
    const partitions = fc.array(fc.record({ leader: fc.option(fc.integer({ min: 1, max: 4 })), fails: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(partitions, fc.boolean(), (all, ledgerFails) => {
        const admission = new Admission();
        const led = all.map(({ leader }, partition) => ({ topic: 't', partition, leader }));
        admission.remember(led, 0);
        const failed: TopicPartition[] = led.filter((_, i) => all[i]?.fails);
        if (ledgerFails) failed.push(LEDGER);
        const leaders = [...new Set(all.flatMap(({ leader }) => leader ?? []).concat(1))];
        const answered = (of: number): boolean =>
          (of === 1 && !ledgerFails) || all.some(({ leader, fails }) => leader === of && !fails);
        const sick = ledgerFails || leaders.filter((of) => !answered(of)).length > leaders.length / 2;
        const diagnosis = admission.failed(failed, [...led, LEDGER], LEDGER, 5);
        expect(diagnosis.kind).toBe(sick ? 'sick' : 'suspended');
        const admitted = led.map(({ partition }) => admission.admits('t', partition, 6));
        expect(admitted).toEqual(all.map(({ fails }) => sick || !fails));
      }),
      { numRuns: 300 },
    );
  });

  it('forgets the waits of before only after an admission as long as the longest of them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0, 1, LONGEST_WAIT_MS - 1, LONGEST_WAIT_MS),
        (failures, held) => {
          const place = { topic: 't', partition: 0 };
          const admission = new Admission();
          let now = 7;
          const probe = (ok: boolean): void => {
            expect(admission.toProbe(now, 1)).toEqual([place]);
            admission.probed(place, ok, now);
          };
          admission.admits('t', 0, now);
          for (let i = 1; i <= failures; i += 1) {
            probe(false);
            expect(admission.nextProbeAt).toBe(now + waitAfter(i));
            now += waitAfter(i);
          }
          probe(true);
          now += held;
          admission.failed([place], [{ ...place, leader: 1 }, LEDGER], LEDGER, now);
          expect(admission.nextProbeAt).toBe(now + waitAfter(held === LONGEST_WAIT_MS ? 1 : failures + 1));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('remembers what was admitted, and learns of ten thousand new ones a few at a time', () => {
    const admission = new Admission();
    admission.remember([{ topic: 'old', partition: 3 }], 0);
    expect(admission.admits('old', 3, 1)).toBe(true);
    expect(admission.nextProbeAt).toBeNull();
    for (let i = 0; i < 10_000; i += 1) same(admission.admits(`t${i}`, 0, i), false);
    const first = admission.toProbe(20_000, 5);
    expect(first.map(({ topic }) => topic)).toEqual(['t0', 't1', 't2', 't3', 't4']);
    expect(admission.nextProbeAt).toBe(5);
  });
});

function check(admission: Admission, known: ReadonlyMap<number, Known>): void {
  for (const [partition, { state }] of known) same(admission.stateOf('t', partition), state);
  const suspended = [...known].filter(([, { state }]) => state === 'suspended');
  const byPartition = admission.suspended().sort((a, b) => a.partition - b.partition);
  const expected = suspended.map(([partition, { due }]) => ({ topic: 't', partition, until: due }));
  same(
    byPartition,
    expected.sort((a, b) => a.partition - b.partition),
  );
  const waits = [...known.values()].filter(({ state }) => state === 'suspended' || state === 'unknown');
  same(admission.nextProbeAt, waits.length === 0 ? null : Math.min(...waits.map(({ due }) => due)));
}
