#!/usr/bin/env node
import { Command } from 'commander';
import { registerAudit } from './audit';
import { registerConfig } from './config';
import { registerKey } from './key';
import { EXIT } from './run';
import { registerTenant } from './tenant';

/** The operator's command line. One file per noun; each registers itself. */
async function main(): Promise<void> {
  const program = new Command('outboxctl')
    .description('Operates temporal-outbox over its admin API (OUTBOX_ADMIN_URL, OUTBOX_ADMIN_KEY).')
    .showHelpAfterError()
    // Inherited by the commands below. commander itself would exit 1, which here means "refused or failed".
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage))
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or failed, 2 usage, 69 the service does not answer, 78 configuration.',
    );
  registerTenant(program);
  registerKey(program);
  registerConfig(program);
  registerAudit(program);
  await program.parseAsync();
}

// `outboxctl … | head` closes our output early; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed),
);

void main();
