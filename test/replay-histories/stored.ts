import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { temporal } from '@temporalio/proto';

const { History } = temporal.api.history.v1;
type History = temporal.api.history.v1.IHistory;

/** One recorded run of a workflow. */
export interface StoredHistory {
  readonly name: string;
  readonly workflowId: string;
  readonly history: History;
}

const FOLDER = __dirname;

export function storedHistories(): StoredHistory[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json.gz'))
    .sort()
    .map((file) => {
      const { workflowId, history } = JSON.parse(gunzipSync(readFileSync(join(FOLDER, file))).toString()) as {
        workflowId: string;
        history: Record<string, unknown>;
      };
      return { name: file.replace('.json.gz', ''), workflowId, history: History.fromObject(history) };
    });
}

/** Throws if what was recorded still names this machine. */
export function storeHistory({ name, workflowId, history }: StoredHistory): number {
  // Not the SDK's historyToJSON: with two copies of protobufjs installed it does not recognise the type.
  const plain = History.toObject(History.fromObject(history), { bytes: String, enums: String, longs: String });
  const text = JSON.stringify({ workflowId, history: scrubbed(plain) });
  const told = [hostname(), process.cwd(), ...(process.env['HOME'] ? [process.env['HOME']] : [])];
  const leak = told.find((word) => decoded(text).includes(word));
  if (leak !== undefined) throw new Error(`the history ${name} names this machine: ${leak}`);
  const packed = gzipSync(text, { level: 9 });
  writeFileSync(join(FOLDER, `${name}.json.gz`), packed);
  return packed.length;
}

/** Identities name host and process, stack traces name folders; payloads carry the workers' identities too. */
function scrubbed(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => scrubbed(item));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrubbed(inner, name)]));
  }
  if (typeof value !== 'string') return value;
  if (key === 'stackTrace') return '';
  return key === 'data' ? encode(anonymous(decode(value))) : anonymous(value);
}

function anonymous(text: string): string {
  const host = hostname().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text
    .replace(new RegExp(`${host}:\\d+:[0-9a-f]{8}`, 'g'), 'worker')
    .replace(new RegExp(`\\d+@${host}`, 'g'), 'client');
}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1');
const encode = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** The text with every payload beside it in the clear. */
function decoded(text: string): string {
  return [text, ...[...text.matchAll(/"data":"([^"]+)"/g)].map((match) => decode(match[1] ?? ''))].join('\n');
}
