import { clearLine, cursorTo } from 'node:readline';
import { recordOf, visible } from './output';

/** A replay as the admin API describes it. */
export interface ReplayStatus {
  readonly replayId: string;
  readonly tenant: string;
  readonly state: string;
  readonly total: number;
  readonly published: number;
  readonly failed: number;
  /** Parked events that went back to pending: the live lane publishes them. */
  readonly retried: number;
}

export function replayStatusOf(answer: unknown): ReplayStatus {
  const record = recordOf(answer);
  const number = (name: string): number => Number(record[name] ?? 0);
  return {
    replayId: String(record['replay_id']),
    tenant: String(record['tenant_id']),
    state: String(record['state']),
    total: number('total'),
    published: number('published'),
    failed: number('failed'),
    retried: number('retried'),
  };
}

/** True when a replay changes no more. */
export function isOver(status: ReplayStatus): boolean {
  return status.state === 'done' || status.state === 'cancelled';
}

/** One line: what is done of what, in numbers. */
export function progressLine(status: ReplayStatus): string {
  const { replayId, state, published, total, failed, retried } = status;
  const others = [retried > 0 ? `, ${retried} pending again` : '', failed > 0 ? `, ${failed} failed` : ''].join('');
  return visible(`replay ${replayId}: ${state}, ${published} of ${total} published (${percent(status)}%)${others}`);
}

/** The line with a bar before it, cut to the width of the terminal. */
export function progressBar(status: ReplayStatus, columns: number): string {
  const width = 20;
  const filled = Math.floor((percent(status) * width) / 100);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${progressLine(status)}`.slice(
    0,
    Math.max(0, columns - 1),
  );
}

/** Rounded down: 100 means that nothing is left. */
function percent({ total, published, failed, retried }: ReplayStatus): number {
  return total === 0 ? 100 : Math.min(100, Math.floor(((published + failed + retried) * 100) / total));
}

export interface ProgressOutput {
  show(status: ReplayStatus): void;
  /** Ends the bar's line, so that what follows starts on its own. */
  end(): void;
}

/** A bar on a terminal; elsewhere a line for every change of the state and every tenth part, so that logs stay short. */
export function progressOutput(stream: NodeJS.WriteStream): ProgressOutput {
  if (stream.isTTY) {
    return {
      show(status) {
        cursorTo(stream, 0);
        stream.write(progressBar(status, stream.columns));
        clearLine(stream, 1);
      },
      end: () => void stream.write('\n'),
    };
  }
  let last = '';
  return {
    show(status) {
      const step = `${status.state} ${Math.floor(percent(status) / 10)}`;
      if (step !== last) stream.write(`${progressLine(status)}\n`);
      last = step;
    },
    end: () => undefined,
  };
}
