import type { Command } from 'commander';
import { ConfigError, describeConfig, loadConfig } from '../config';
import type { Config } from '../config';
import { print, printJson, printTable } from './output';
import { run } from './run';

interface JsonFlag {
  readonly json?: boolean;
}

/** Adds `outboxctl config`. */
export function registerConfig(program: Command): void {
  const config = program.command('config').description('the configuration, as this environment gives it');
  config
    .command('check')
    .description('check all variables; exit code 78 with all problems if there are any')
    .option('--json', 'print JSON')
    .action((flags: JsonFlag) => run(() => check(flags)));
  config
    .command('print')
    .description('print every variable, its value (secrets masked) and where it came from')
    .option('--json', 'print JSON')
    .action((flags: JsonFlag) => run(() => show(flags)));
}

function check(flags: JsonFlag): void {
  const { warnings } = load(flags);
  if (flags.json === true) return printJson({ valid: true, warnings });
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  print('The configuration is valid.');
}

function load(flags: JsonFlag): Pick<Config, 'warnings'> {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (flags.json === true && error instanceof ConfigError) printJson({ valid: false, problems: error.problems });
    throw error;
  }
}

function show(flags: JsonFlag): void {
  const variables = describeConfig(process.env);
  if (flags.json === true) return printJson({ variables });
  printTable(
    ['variable', 'value', 'source'],
    variables.map((variable) => [variable.name, variable.value, variable.source]),
  );
}
