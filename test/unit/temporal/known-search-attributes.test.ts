import type { SearchAttributeName } from '../../../src/domain/search-attributes';
import { KnownSearchAttributes } from '../../../src/temporal/known-search-attributes';
import type { SearchAttributeReport } from '../../../src/temporal/search-attributes';

const ALL: readonly SearchAttributeName[] = ['Tenant', 'Paused'];
const found = (usable: readonly SearchAttributeName[], added: readonly SearchAttributeName[] = []) => ({
  ...{ answered: true, usable, added, problems: [] },
});
const NO_ANSWER: SearchAttributeReport = { answered: false, usable: [], added: [], problems: ['it hangs'] };

describe('search attributes that a worker knows', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  /** Answers the reports in turn, the last one for ever. */
  function known(...reports: SearchAttributeReport[]) {
    const asked: boolean[] = [];
    const changed: SearchAttributeReport[] = [];
    const attributes = new KnownSearchAttributes(
      (register) => {
        asked.push(register);
        return Promise.resolve(reports[Math.min(asked.length, reports.length) - 1] ?? NO_ANSWER);
      },
      (report) => changed.push(report),
    );
    return { attributes, asked, changed };
  }

  it('are looked up once for all publishers that start within five seconds, then again', async () => {
    const { attributes, asked, changed } = known(found(ALL));
    expect(await Promise.all([attributes.usable(), attributes.usable()])).toEqual([ALL, ALL]);
    jest.setSystemTime(Date.now() + 4_900);
    await attributes.usable();
    expect(asked).toEqual([false]);
    jest.setSystemTime(Date.now() + 200);
    expect(await attributes.usable()).toEqual(ALL);
    expect(asked).toEqual([false, true]);
    expect(changed).toHaveLength(1);
  });

  it('are registered again where they were once, and never where a migration did not', async () => {
    const wiped = known(found(ALL), found(['Tenant'], ['Tenant']));
    await wiped.attributes.usable();
    jest.setSystemTime(Date.now() + 5_000);
    expect(await wiped.attributes.usable()).toEqual(['Tenant']);
    expect(wiped.changed).toHaveLength(2);
    const bare = known(found([]));
    await bare.attributes.usable();
    jest.setSystemTime(Date.now() + 5_000);
    await bare.attributes.usable();
    expect(bare.asked).toEqual([false, false]);
  });

  it('stay as they were while Temporal does not answer', async () => {
    const { attributes, changed } = known(found(ALL), NO_ANSWER);
    await attributes.usable();
    jest.setSystemTime(Date.now() + 5_000);
    expect(await attributes.usable()).toEqual(ALL);
    expect(changed).toHaveLength(1);
    const silent = known(NO_ANSWER);
    expect(await silent.attributes.usable()).toEqual([]);
    expect(silent.changed).toEqual([NO_ANSWER]);
  });
});
