import { ConfigError, EXIT_CONFIG, loadConfig } from '../config';
import { errorMessage, isOutboxError } from '../domain/errors';
import { AdminError, adminClient } from './admin-client';
import type { AdminClient } from './admin-client';
import { note, visible } from './output';

/**
 * 0 done, 1 refused or failed, 2 usage, 3 a check is above its bound, 69 the service does not answer, 78 configuration
 * (sysexits.h). Scripts rely on them.
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, above: 3, unavailable: 69, config: EXIT_CONFIG } as const;

/** A command that was understood and whose work did not succeed; the message ends with the remedy. */
export class Failure extends Error {}

/** Flags that every command over the admin API has. */
export interface AdminFlags {
  readonly url?: string;
  readonly json?: boolean;
}

/** Runs a command's work and turns its failure into one line on stderr and an exit code. */
export async function run(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Texts of the service have lines, and parts that tenants wrote.
    note(`outboxctl: ${errorMessage(error).split('\n').map(visible).join('\n')}`);
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError || (isOutboxError(error) && error.code === 'CONFIG_INVALID')) return EXIT.config;
  if (error instanceof AdminError && error.unavailable) return EXIT.unavailable;
  return EXIT.failed;
}

/** The client that flags and environment describe. Throws a ConfigError without an admin key. */
export function clientOf(flags: AdminFlags, stop?: AbortSignal): AdminClient {
  const config = loadConfig(process.env, { overrides: flags.url === undefined ? {} : { OUTBOX_ADMIN_URL: flags.url } });
  if (config.api.adminKey === null) {
    throw new ConfigError([
      {
        variable: 'OUTBOX_ADMIN_KEY',
        message: 'is not set: the service prints it at its first start on the embedded stack',
      },
    ]);
  }
  return adminClient(config.cli.adminUrl, config.api.adminKey, stop);
}
