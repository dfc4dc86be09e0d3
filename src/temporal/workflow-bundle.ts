import { join } from 'node:path';

/** Where the build puts the workflow bundle: beside the compiled code. */
export function workflowBundlePath(): string {
  return join(__dirname, '..', 'workflow-bundle.js');
}
