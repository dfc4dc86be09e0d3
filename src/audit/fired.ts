import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { OutboxError } from '../domain/errors';

const proofSchema = z.object({ name: z.string(), at: z.string() });

/**
 * Counts the proof lines `{name, at, …}` (NDJSON, written by failpoints and fault harness) by name. A file that does not
 * exist holds no proof: the process that should have written it never came to its fault. A torn last line is no proof either.
 */
export async function countFired(files: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const file of files) {
    const lines = (await readIfThere(file)).split('\n').filter((line) => line.trim() !== '');
    for (const [index, line] of lines.entries()) {
      const proof = proofSchema.safeParse(parseJson(line));
      if (proof.success) counts.set(proof.data.name, (counts.get(proof.data.name) ?? 0) + 1);
      else if (index < lines.length - 1) {
        throw new OutboxError(
          'CONFIG_INVALID',
          `Line ${index + 1} of ${file} is no proof line: each must be JSON with name and at.`,
        );
      }
    }
  }
  return counts;
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
