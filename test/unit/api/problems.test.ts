import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS } from '../../../src/api/http/problem';

test('docs/api.md lists every problem code with its status, and no other', () => {
  const page = readFileSync(join(__dirname, '../../../docs/api.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map((match) => [match[1], Number(match[2])]);
  expect(listed).toEqual(Object.entries(PROBLEMS).map(([code, problem]) => [code, problem.status]));
});
