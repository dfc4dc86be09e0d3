import type { Logger } from '../telemetry/logger';

/** Something to end, in the order given: intake first, servers last. */
export interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

export interface Running {
  /** The exit code, once everything has ended. */
  readonly stopped: Promise<number>;
  /** A part failed by itself: the others are ended and the process exits with 1, for its supervisor to start it anew. */
  fail(error: unknown): void;
}

/**
 * Ends `parts`, in their order at that moment, on SIGTERM, SIGINT or a failure. The whole must end within `graceMs`; a
 * second signal ends the process at once. Once only.
 */
export function runUntilStopped(parts: readonly Stoppable[], graceMs: number, logger: Logger): Running {
  let fail: (error: unknown) => void = () => undefined;
  const stopped = new Promise<number>((resolve) => {
    let stopping = false;
    const stop = async (why: string, code: number): Promise<void> => {
      if (stopping) {
        logger.warn(
          { why },
          'asked to stop a second time: leaving at once; what is in flight is settled by the next drain',
        );
        process.exit(1);
      }
      stopping = true;
      logger.info({ why }, 'stopping');
      const late = setTimeout(() => {
        logger.error(
          { graceMs },
          'not everything ended within the grace time; what is left is settled by the next drain',
        );
        resolve(1);
      }, graceMs);
      let exit = code;
      for (const part of parts) {
        try {
          await part.stop();
          logger.debug({ part: part.name }, 'stopped');
        } catch (error) {
          exit = 1;
          logger.error({ part: part.name, error }, 'did not stop cleanly');
        }
      }
      clearTimeout(late);
      resolve(exit);
    };
    process.on('SIGTERM', () => void stop('SIGTERM', 0));
    process.on('SIGINT', () => void stop('SIGINT', 0));
    fail = (error) => {
      if (stopping) return;
      logger.error({ error }, 'a part of the process failed by itself; ending the rest');
      void stop('failure', 1);
    };
  });
  return { stopped, fail };
}
