import { OutboxError } from '../domain/errors';

/** Every place of a relay where a crash test may act. Closed: a misspelt name would be a test that proves nothing. */
export const FAILPOINT_NAMES = [
  'before_park',
  'after_park',
  'relay_added',
  'relay_sent',
  'relay_committed',
  'relay_before_fence',
  'relay_after_fence',
  'relay_after_init',
  'relay_after_barrier',
  'relay_after_chunk',
  'relay_after_recovered',
  'relay_before_adopt',
  'relay_after_adopt',
  'relay_before_attach',
  'relay_after_attach',
  'relay_after_claim',
  'relay_before_aside',
  'relay_after_aside',
  'relay_before_settle',
  'relay_after_settle',
  'relay_before_detach',
  'relay_after_detach',
  'relay_before_move',
  'relay_after_move',
  'relay_after_complete',
] as const;

export type FailpointName = (typeof FAILPOINT_NAMES)[number];

/**
 * kill   SIGKILL to this process        stop   SIGSTOP to this process (somebody else must SIGCONT it)
 * error  throws an ordinary Error       sleep  waits, the event loop runs on
 * block  waits with the event loop blocked (no heartbeats, no answers read)
 */
export type FailpointAction =
  { readonly kind: 'kill' | 'stop' | 'error' } | { readonly kind: 'sleep' | 'block'; readonly ms: number };

export interface ArmedFailpoint {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** Acts when the point is reached for this time, counted from 1 in each process. */
  readonly hit: number;
}

/**
 * Parses `name=action[:arg][:hit]`, several separated by `;`:
 * `relay_committed=kill:1;relay_before_settle=stop:2;relay_sent=error;relay_added=sleep:500`.
 * Throws CONFIG_INVALID for anything unknown: a fault that silently does not exist would prove nothing.
 */
export function parseFailpoints(text: string): ArmedFailpoint[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseOne);
}

function parseOne(part: string): ArmedFailpoint {
  const [name, spec, ...more] = part.split('=');
  if (!isFailpointName(name) || spec === undefined || more.length > 0) {
    throw invalid(part, `write name=action with a name of: ${FAILPOINT_NAMES.join(', ')}`);
  }
  const [kind = '', ...args] = spec.split(':');
  const numbers = args.map((arg) => (/^[1-9][0-9]{0,6}$/.test(arg) ? Number(arg) : Number.NaN));
  const usable = !numbers.some(Number.isNaN);
  switch (kind) {
    case 'kill':
    case 'stop':
    case 'error':
      if (usable && numbers.length <= 1) return { name, action: { kind }, hit: numbers[0] ?? 1 };
      throw invalid(part, `${kind} takes at most one number, the hit from 1 upwards`);
    case 'sleep':
    case 'block': {
      const [ms, hit] = numbers;
      if (usable && ms !== undefined && numbers.length <= 2) return { name, action: { kind, ms }, hit: hit ?? 1 };
      throw invalid(part, `${kind} takes milliseconds and optionally the hit, as in ${kind}:500:2`);
    }
    default:
      throw invalid(part, 'the action must be kill, stop, error, sleep:<ms> or block:<ms>');
  }
}

function isFailpointName(name: string | undefined): name is FailpointName {
  return FAILPOINT_NAMES.some((known) => known === name);
}

function invalid(part: string, remedy: string): OutboxError {
  return new OutboxError(
    'CONFIG_INVALID',
    `OUTBOX_FAILPOINTS has an entry "${part}" that is not understood: ${remedy}.`,
  );
}
