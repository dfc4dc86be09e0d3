import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { workflowBundlePath } from './workflow-bundle';

/** Build step: bundling once here saves about a second at each worker start, and shows forbidden imports at build time. */
async function main(): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath: join(__dirname, '..', 'workflows', 'index.js') });
  writeFileSync(workflowBundlePath(), code);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
