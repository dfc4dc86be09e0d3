import { setTimeout as delay } from 'node:timers/promises';
import { Deadline, DeadlineError } from '../../sinks/kafka/deadline';

/** A timer that fires so much too late tells of a process that stood still, not of a broker that did. */
const LATE_MS = 100;
const GRACE_MS = 250;

/**
 * The answer, or null if the time is over. After a pause of the process timers come before the answers that have arrived meanwhile:
 * those get a moment more, else a frozen worker would condemn healthy partitions.
 */
export async function answeredBy<T>(deadline: Deadline, answer: Promise<T>): Promise<T | null> {
  try {
    return await deadline.race(answer);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
  if (deadline.remaining() > -LATE_MS) return Promise.race([answer, delay(0, null)]);
  try {
    return await new Deadline(GRACE_MS).race(answer);
  } catch (error) {
    if (error instanceof DeadlineError) return null;
    throw error;
  }
}
