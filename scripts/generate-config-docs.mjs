// Writes docs/configuration.md and .env.example from the built schema (run `npm run build` first).
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { renderConfigMarkdown, renderEnvExample } = createRequire(import.meta.url)(join(root, 'dist/config/docs.js'));
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/configuration.md'), renderConfigMarkdown());
writeFileSync(join(root, '.env.example'), renderEnvExample());
