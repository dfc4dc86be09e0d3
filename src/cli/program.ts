import { Command } from 'commander';
import { registerAdminKey } from './admin-key';
import { registerAudit } from './audit';
import { registerBreaker } from './breaker';
import { registerChanges } from './changes';
import { registerCheck } from './check';
import { registerConfig } from './config';
import { registerDoctor } from './doctor';
import { registerEvents } from './events';
import { registerHalted } from './halted';
import { registerHeld } from './held';
import { registerKey } from './key';
import { registerParked } from './parked';
import { registerPause } from './pause';
import { registerPublishers } from './publishers';
import { registerQuota } from './quota';
import { registerRelays } from './relays';
import { registerReplay } from './replay';
import { EXIT } from './run';
import { registerSummary } from './summary';
import { registerTail } from './tail';
import { registerTenant } from './tenant';

const EXIT_CODES =
  '\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 a check is above its bound, 69 the service does not answer,\n' +
  '78 configuration. (audit has its own: outboxctl audit --help.)';

const REGISTER = [
  registerSummary,
  registerEvents,
  registerTail,
  registerCheck,
  registerParked,
  registerHeld,
  registerReplay,
  registerPause,
  registerBreaker,
  registerQuota,
  registerPublishers,
  registerRelays,
  registerHalted,
  registerTenant,
  registerKey,
  registerAdminKey,
  registerChanges,
  registerDoctor,
  registerConfig,
  registerAudit,
];

/** The whole command line. One file per noun; each registers itself. */
export function createProgram(): Command {
  const program = new Command('outboxctl')
    .description('Operates temporal-outbox over its admin API (OUTBOX_ADMIN_URL, OUTBOX_ADMIN_KEY).')
    .showHelpAfterError('(--help lists what there is)')
    // Inherited by the commands below. commander itself would exit 1, which here means "refused or failed".
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage))
    .addHelpText('after', EXIT_CODES);
  for (const register of REGISTER) register(program);
  return program;
}
