import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePage } from '../../../faults/report/page';
import { readResults, results, writeResults } from '../../../faults/report/results';
import { table } from '../../../faults/report/table';
import { planRun } from '../../../faults/runner/plan';
import { notRun } from '../../../faults/runner/run-scenario';
import type { ScenarioResult } from '../../../faults/runner/run-scenario';
import { postgresDiskFull } from '../../../faults/scenarios/postgres/disk-full';

const run = { seed: 42, seconds: 15, quick: false, only: null, tookSeconds: 61.4 };

function scenario(changes: Partial<ScenarioResult> = {}): ScenarioResult {
  return {
    name: 'broker-killed',
    group: 'kafka',
    about: 'the broker dies',
    seed: 7,
    events: 100,
    missing: 0,
    duplicates: 0,
    orderBreaks: 0,
    otherFindings: 0,
    aborted: 3,
    lostAnswersFound: 1,
    faults: [{ name: 'killed', fired: 2, recoverMs: 1_250 }],
    tookSeconds: 12.3,
    failure: null,
    ...changes,
  };
}

describe('the results of a fault run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faults-report-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('add up over all scenarios and name each fault with its scenario', () => {
    const found = results([scenario(), scenario({ name: 'other', events: 11, missing: 2, duplicates: 1 })], run);
    expect(found).toMatchObject({ seed: 42, events: 111, missing: 2, duplicates: 1, orderBreaks: 0, clean: true });
    expect(found.faults).toEqual([
      { name: 'killed', fired: 2, recoverMs: 1_250, scenario: 'broker-killed' },
      { name: 'killed', fired: 2, recoverMs: 1_250, scenario: 'other' },
    ]);
  });

  it('are not clean when one scenario failed, nor when nothing ran', () => {
    expect(results([scenario(), scenario({ failure: 'not recovered' })], run).clean).toBe(false);
    expect(results([], run).clean).toBe(false);
  });

  it('say of a scenario whose servers this machine cannot have that nothing fired, and are not clean', () => {
    const [planned] = planRun([postgresDiskFull], 1, 15);
    if (planned === undefined) throw new Error('nothing was planned');
    const found = results([notRun(planned, 'mounting needs root', true)], run);
    expect(found.clean).toBe(false);
    expect(found.faults).toEqual([
      {
        name: 'postgres_disk_full',
        scenario: 'postgres-disk-full',
        fired: 0,
        recoverMs: null,
        impossible: 'mounting needs root',
      },
    ]);
    expect(table(found)).toContain('did not happen: postgres_disk_full (mounting needs root)');
  });

  it('survive their file, and another file is refused', () => {
    const file = join(folder, 'faults.json');
    writeResults(file, results([scenario()], run));
    expect(readResults(file)).toMatchObject({ seed: 42, scenarios: [{ name: 'broker-killed' }] });
    writeFileSync(file, '{"peers":{}}');
    expect(() => readResults(file)).toThrow('npm run faults');
  });

  it('become a page with a row for each fault, saying what failed and what a machine could not do', () => {
    const file = join(folder, 'reliability.md');
    const impossible = { name: 'disk_full', fired: 0, recoverMs: null, impossible: 'needs root' };
    const failed = scenario({
      name: 'disk',
      faults: [impossible],
      failure: 'did not happen: disk_full (needs root)\nmore',
    });
    const soak = {
      minutes: 30,
      rssSlopeMbPerMinute: 0.1,
      fdsFirst: 40,
      fdsLast: 41,
      rssFirstMb: 200,
      rssLastMb: 203,
      samples: 800,
    };
    writePage(file, [results([scenario(), failed], run), results([scenario()], { ...run, soak })]);
    const page = readFileSync(file, 'utf8');
    expect(page).toContain('| `broker-killed/killed` | 2 | 100 | 0 | 0 | 0 | 1.3 |');
    expect(page).toContain('| `disk/disk_full` | no: needs root |');
    expect(page).toContain('**not clean**');
    expect(page).toContain('- `kafka/disk`: did not happen: disk_full (needs root)');
    expect(page).toContain('slope 0.1 MB per');
  });

  it('become a table that ends with the verdict', () => {
    expect(table(results([scenario()], run))).toMatch(/seed 42: 100 events, 0 missing, .* CLEAN$/);
    expect(table(results([scenario({ failure: 'why' })], run))).toContain('FAILED: why');
  });
});
