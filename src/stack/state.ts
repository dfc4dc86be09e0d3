import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a stack keeps between runs, beside the servers' own data: stack.json in the data folder, for its owner only. */
export interface StackState {
  readonly postgresPassword: string;
  /** Kafka's cluster id: 16 bytes in URL-safe base64. */
  readonly kafkaClusterId: string;
  readonly ports: Partial<Record<PortName, number>>;
}

export type PortName = 'postgres' | 'kafka' | 'kafkaController' | 'temporal' | 'temporalUi';

const FILE = 'stack.json';

export function readState(dataDir: string): StackState {
  try {
    return JSON.parse(readFileSync(join(dataDir, FILE), 'utf8')) as StackState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return {
      postgresPassword: randomBytes(24).toString('hex'),
      // Kafka's own ids never begin with a dash either: its tools would take it for an option.
      kafkaClusterId: `K${randomBytes(16).toString('base64url').slice(1)}`,
      ports: {},
    };
  }
}

export function writeState(dataDir: string, state: StackState): void {
  const draft = join(dataDir, `${FILE}.draft`);
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, join(dataDir, FILE));
}
