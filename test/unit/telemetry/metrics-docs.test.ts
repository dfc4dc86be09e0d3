import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderMetricsMarkdown } from '../../../src/telemetry/metrics-docs';

/** `node scripts/generate-metrics-docs.mjs` after a build writes it anew. */
test('docs/metrics.md is what the definitions say', () => {
  expect(readFileSync(join(__dirname, '../../../docs/metrics.md'), 'utf8')).toBe(renderMetricsMarkdown());
});
