import { nextLookMs, pauseAllOf, resumeAllOf } from '../../../src/domain/everything';
import { describeEverything } from '../../../src/workflows/everything-details';

const NOW = 1_800_000_000_000;
const pause = (until: number | null) => ({ by: 'ops', why: 'x', since: NOW - 1_000, until });

describe('when the pause of everything is looked at again', () => {
  it.each([
    ['nothing is paused: nobody asks', null, 3, 0, null],
    ['a complete pause without end', pause(null), 0, 0, null],
    ['a complete pause, when it ends', pause(NOW + 60_000), 0, 5, 60_000],
    ['an end that has come by this clock only', pause(NOW - 5), 0, 0, 1_000],
    ['publishers are at work: soon', pause(null), 1, 0, 2_000],
    ['and later and later', pause(null), 1, 3, 16_000],
    ['at the longest', pause(null), 1, 99, 300_000],
    ['whichever is first', pause(NOW + 3_000), 1, 3, 3_000],
    ['no timer longer than anybody means', pause(NOW + 400 * 86_400_000), 0, 0, 30 * 86_400_000],
  ])('%s', (_, paused, running, idle, ms) => {
    expect(nextLookMs({ paused, running }, idle, NOW)).toBe(ms);
  });
});

it('commands are read as they were meant', () => {
  expect(pauseAllOf({ by: 'a', why: 'b' })).toEqual({ name: 'pause', by: 'a', why: 'b', until: null });
  expect(pauseAllOf({ by: 'a', why: 'b', until: '2027-01-15T08:00:00Z' })).toMatchObject({ until: NOW });
  expect(resumeAllOf({ by: 'a' })).toEqual({ name: 'resume', by: 'a', why: null });
});

it('the page says who paused, why, until when, and what ends it', () => {
  const view = { paused: pause(null), running: 2, at: NOW, refusedCommands: 1 };
  const page = describeEverything(view);
  expect(page).toContain('**Everything is paused.**');
  expect(page).toContain('- **By** ops: x');
  expect(page).toContain('`resume` ends it');
  expect(page).toContain('**Still at work** 2 publishers');
  expect(page).toContain('**Refused signals** 1');
  expect(describeEverything({ ...view, running: 0 })).toContain('Complete');
  const published = describeEverything({ paused: null, running: 0, at: null, refusedCommands: 0 });
  expect(published).toContain('**Publishing.**');
  expect(published).not.toContain('**By**');
  const odd = { ...pause(NOW), why: '# a\n[link](x)' };
  expect(describeEverything({ ...view, paused: odd })).toContain('\\# a \\[link\\](x)');
});
