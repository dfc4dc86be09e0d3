/**
 * How long one step of a workflow may take on the clock of the wall before the SDK cuts it off. Its own limit of 5 s is for endless
 * loops, which these workflows cannot contain, and it met workers that were frozen in a step (a paused machine, SIGSTOP): Node does
 * not survive the cut ("async hook stack has become corrupted", nodejs/node#38503), and a worker that thaws ended with code 1.
 * Not among the SDK's typed options, but it takes any option over its default.
 */
export const STEP_LIMIT = { isolateExecutionTimeout: '10m' } as const;
