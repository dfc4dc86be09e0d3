// Writes docs/metrics.md from the built definitions (run `npm run build` first).
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { renderMetricsMarkdown } = createRequire(import.meta.url)(join(root, 'dist/telemetry/metrics-docs.js'));
writeFileSync(join(root, 'docs/metrics.md'), renderMetricsMarkdown());
