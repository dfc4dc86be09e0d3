import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderConfigMarkdown, renderEnvExample } from '../../../src/config/docs';

/** `node scripts/generate-config-docs.mjs` after a build writes both files anew. */
test.each([
  ['docs/configuration.md', renderConfigMarkdown],
  ['.env.example', renderEnvExample],
])('%s is what the schema says', (file, render) => {
  expect(readFileSync(join(__dirname, '../../..', file), 'utf8')).toBe(render());
});
