import type { Command } from 'commander';
import { adminCommand } from './command';
import { listOf, note, printJson, printTable } from './output';
import { clientOf, EXIT, run } from './run';
import type { AdminFlags } from './run';

/** Adds `outboxctl doctor`. */
export function registerDoctor(program: Command): void {
  adminCommand(program, 'doctor', 'check servers, schema, ledger, hanging transactions and clocks').action(
    (flags: AdminFlags) => run(() => examine(flags)),
  );
}

async function examine(flags: AdminFlags): Promise<void> {
  const answer = await clientOf(flags).request('GET', '/admin/doctor');
  const checks = listOf(answer, 'checks');
  const failed = checks.filter((check) => check['ok'] !== true);
  if (flags.json === true) printJson(answer);
  else {
    printTable(
      ['check', 'result', 'detail', 'remedy'],
      checks.map(({ name, ok, detail, remedy }) => [name, ok === true ? 'ok' : 'FAILED', detail, remedy]),
    );
    if (failed.length > 0) note(`${failed.length} of ${checks.length} checks failed`);
  }
  if (failed.length > 0) process.exitCode = EXIT.failed;
}
