import { allHandlersFinished, workflowInfo } from '@temporalio/workflow';

/**
 * True when the run should continue as new: its history is as long as it may be (`maxHistoryEvents`, absent = as the server suggests). Not
 * while a command is being carried out: the workflow does its work meanwhile, where waiting for the command would stop it.
 */
export function mustContinue({ maxHistoryEvents = Infinity }: { readonly maxHistoryEvents?: number }): boolean {
  const info = workflowInfo();
  return (info.continueAsNewSuggested || info.historyLength >= maxHistoryEvents) && allHandlersFinished();
}
