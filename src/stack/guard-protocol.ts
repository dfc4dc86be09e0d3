/** The servers of the stack, in the order in which they are ended. */
export const SERVER_NAMES = ['temporal', 'kafka', 'postgres'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** How to run one server, as the guard needs it. */
export interface ServerCommand {
  readonly name: ServerName;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Receives stdout and stderr, appended. */
  readonly logFile: string;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Ends the server in good order (Postgres: SIGINT is the fast shutdown, SIGTERM waits for every client). */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
}

/** Lines of JSON, parent to guard. Closing the pipe means: end everything. */
export type GuardRequest =
  | { readonly type: 'start'; readonly id: number; readonly command: ServerCommand }
  | { readonly type: 'end'; readonly name: ServerName };

/** Lines of JSON, guard to parent. */
export type GuardReport =
  | { readonly type: 'locked' }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'ended'; readonly name: ServerName; readonly code: number | null; readonly signal: string | null };

/** How long a server may take to end in good order before it is killed. Postgres' shutdown checkpoint is the longest. */
export const END_GRACE_MS = 15_000;

/** Name of the lock in a data folder. */
export const LOCK_FILE = 'stack.lock';
