import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { progressBar, progressLine, progressOutput, replayStatusOf } from '../../../src/cli/replay-progress';

const status = (changes: Record<string, unknown>) =>
  replayStatusOf({
    replay_id: 'r1',
    tenant_id: 'a',
    state: 'running',
    total: 200,
    published: 0,
    failed: 0,
    ...changes,
  });

test('a line says what is done of what; 100% means that nothing is left', () => {
  expect(progressLine(status({ published: 199 }))).toBe('replay r1: running, 199 of 200 published (99%)');
  expect(progressLine(status({ published: 199, failed: 1, state: 'done' }))).toBe(
    'replay r1: done, 199 of 200 published (100%), 1 failed',
  );
  expect(progressLine(status({ total: 0, state: 'done' }))).toContain('(100%)');
});

test('the bar fits the terminal', () => {
  expect(progressBar(status({ published: 100 }), 80)).toContain('[##########..........] replay r1');
  fc.assert(
    fc.property(fc.nat(300), fc.nat(200), (columns, published) =>
      expect(progressBar(status({ published }), columns).length).toBeLessThanOrEqual(Math.max(0, columns - 1)),
    ),
  );
});

test('a log gets a line for each tenth and for each state', () => {
  const stream = new PassThrough();
  const output = progressOutput(stream as unknown as NodeJS.WriteStream);
  for (let published = 0; published <= 200; published += 1) output.show(status({ published }));
  output.show(status({ published: 200, state: 'done' }));
  output.end();
  expect(String(stream.read()).trim().split('\n')).toHaveLength(12);
});
