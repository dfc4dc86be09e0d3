import { Command } from 'commander';
import { ConfigError, EXIT_CONFIG } from './config';
import { errorMessage, isOutboxError } from './domain/errors';
import { runMigrate } from './service/migrate';
import { runRoles } from './service/roles';

/** Exit codes: 0 ended as asked, 1 failed, 2 usage, 78 configuration (sysexits' EX_CONFIG). */
async function main(): Promise<number> {
  let exit: Promise<number> = Promise.resolve(0);
  const program = new Command('temporal-outbox')
    .description('Publishes events from Postgres to Kafka, exactly once and in order, each tenant by itself.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  program
    .command('all')
    .description('api and worker in one process; unset addresses are served by the embedded stack')
    .option('--no-demo', 'the plain service, without demo tenants and events')
    .action((options: { demo: boolean }) => {
      exit = runRoles(['api', 'worker'], { migrate: true, demo: options.demo });
    });
  program
    .command('api')
    .description('ingest API and admin listener')
    .action(() => {
      exit = runRoles(['api'], { migrate: false, demo: false });
    });
  program
    .command('worker')
    .description('publishers, drains and the sweep')
    .action(() => {
      exit = runRoles(['worker'], { migrate: false, demo: false });
    });
  program
    .command('migrate')
    .argument('<direction>', 'up, down or status')
    .description('changes or shows the schema')
    .action((direction: string) => {
      exit = runMigrate(direction);
    });
  await program.parseAsync();
  return exit;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${isOutboxError(error) ? `${error.code}: ` : ''}${errorMessage(error)}\n`);
    process.exit(
      error instanceof ConfigError || (isOutboxError(error) && error.code === 'CONFIG_INVALID') ? EXIT_CONFIG : 1,
    );
  },
);
