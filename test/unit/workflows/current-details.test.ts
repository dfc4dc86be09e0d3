import { defaultConfig, initialState } from '../../../src/domain/publisher-state';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { describeState } from '../../../src/workflows/current-details';

const fresh = initialState({ tenant: 'acme_1', destination: 'kafka', shard: 0 }, defaultConfig(), 0);

test('a page for an operator: what it does, until when, and what ends it', () => {
  const page = describeState(fresh, { kind: 'wait', why: 'open', until: 60_000 });
  expect(page.split('\n').slice(0, 3)).toEqual([
    '### acme\\_1 → kafka',
    '',
    '**Open** until 1970-01-01T00:01:00.000Z. Probes with one event by itself; `resetBreaker` tries at once.',
  ]);
  expect(describeState(fresh, { kind: 'wait', why: 'paused', until: null })).toContain('**Paused**. `resume` ends it.');
});

test("other people's texts stay one line of text", () => {
  const state: PublisherState = {
    ...fresh,
    paused: { by: '# me', why: 'a\n- b <img> [x](y) `z`', since: 0, until: 1e300 },
    drain: { ...fresh.drain, blockedTopics: ['a_b'], lastFailure: { code: 'INTERNAL', message: 'x\n\n# y', at: 0 } },
  };
  const page = describeState(state, { kind: 'wait', why: 'paused', until: null });
  expect(page).toContain('- **Paused** by \\# me: a - b \\<img\\> \\[x\\](y) \\`z\\` (until 1e+300)');
  expect(page).toContain('`INTERNAL`: x \\# y');
  expect(page.split('\n').filter((line) => line.startsWith('#'))).toHaveLength(1);
});
