import fc from 'fast-check';
import { Admission, diagnose } from '../../../../src/domain/relay/admission';
import type { LedPartition, TopicPartition } from '../../../../src/domain/relay/admission';

const LEDGER: LedPartition = { topic: 'ledger', partition: 0, leader: 1 };

describe('admission of topics', () => {
  it('is known by what was found last, and its first reason stays until then', () => {
    const move = fc.record({ admits: fc.boolean(), topic: fc.constantFrom('a', 'b', 'c'), why: fc.string() });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const admission = new Admission();
        const known = new Map<string, string | null>();
        for (const { admits, topic, why } of moves) {
          const before = known.get(topic);
          if (admits) {
            expect(admission.admit(topic)).toBe(before !== null);
            known.set(topic, null);
          } else {
            expect(admission.suspend(topic, why)).toBe(typeof before !== 'string');
            if (typeof before !== 'string') known.set(topic, why);
          }
          for (const name of ['a', 'b', 'c', 'never']) {
            const found = known.get(name);
            const state = found === undefined ? 'unknown' : found === null ? 'admitted' : 'suspended';
            expect([admission.stateOf(name), admission.whyNot(name)]).toEqual([state, found ?? null]);
          }
          expect(admission.suspended).toBe([...known.values()].filter((one) => one !== null).length);
        }
      }),
    );
  });

  it('is lost by the topics that failed, unless the ledger or most leaders did: then Kafka is sick and nobody is moved', () => {
    const partitions = fc.array(
      fc.record({
        topic: fc.constantFrom('t', 'u'),
        leader: fc.option(fc.integer({ min: 1, max: 4 })),
        fails: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(partitions, fc.boolean(), (all, ledgerFails) => {
        const led = all.map(({ topic, leader }, partition) => ({ topic, partition, leader }));
        const failed: TopicPartition[] = led.filter((_, i) => all[i]?.fails);
        const topics = [...new Set(failed.map(({ topic }) => topic))];
        if (ledgerFails) failed.push(LEDGER);
        const leaders = [...new Set(all.flatMap(({ leader }) => leader ?? []).concat(1))];
        const answered = (of: number): boolean =>
          (of === 1 && !ledgerFails) || all.some(({ leader, fails }) => leader === of && !fails);
        const sick = ledgerFails || leaders.filter((of) => !answered(of)).length > leaders.length / 2;
        const diagnosis = diagnose(failed, [...led, LEDGER], LEDGER.topic);
        if (sick) expect(diagnosis.kind).toBe('sick');
        else expect(diagnosis).toEqual({ kind: 'suspended', topics });
      }),
      { numRuns: 300 },
    );
  });
});
