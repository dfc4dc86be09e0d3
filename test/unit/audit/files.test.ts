import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAcknowledged } from '../../../src/audit/acknowledged';
import type { Acknowledged } from '../../../src/audit/acknowledged';
import { countFired } from '../../../src/audit/fired';
import { acknowledgedEvent } from '../../support/audited-message';

describe('the auditor’s files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-files-'));
  const file = join(folder, 'log.ndjson');
  const read = async (): Promise<Acknowledged[]> => {
    const events: Acknowledged[] = [];
    for await (const event of readAcknowledged([file])) events.push(event);
    return events;
  };
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads acknowledged events and drops a torn last line, which nobody acted on', async () => {
    const events = [
      acknowledgedEvent(1),
      acknowledgedEvent(2, { key: null, payloadSha256: null, headers: { a: 'b' } }),
    ];
    writeFileSync(file, `${events.map((event) => JSON.stringify(event)).join('\n')}\n\n{"tenant":"ac`);
    expect(await read()).toEqual(events);
  });

  it.each([
    ['{"tenant":"ac\n{}', /Line 1 .*not JSON/],
    ['{"tenant":"acme"}\n', /Line 1/],
    [`${JSON.stringify({ ...acknowledgedEvent(1), id: null })}\n`, /only with maybe/],
    [`${JSON.stringify({ ...acknowledgedEvent(1), surprise: 1 })}\n`, /surprise/],
  ])('refuses a log that is damaged elsewhere: %s', async (text, message) => {
    writeFileSync(file, text);
    await expect(read()).rejects.toThrow(message);
  });

  it('counts proofs by name; a file that was never written proves nothing', async () => {
    writeFileSync(file, '{"name":"mid_send","at":"x","pid":1}\n{"name":"mid_send","at":"y"}\n{"name":"aft');
    expect(await countFired([file, join(folder, 'never')])).toEqual(new Map([['mid_send', 2]]));
  });
});
