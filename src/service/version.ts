import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version in package.json, two folders up both from src/service and from dist/service. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
