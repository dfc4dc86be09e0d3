/**
 * The guard: a small process of its own session that starts the servers as its children and ends them when its stdin
 * closes, however the parent went (also by kill -9). Its own session keeps a Ctrl-C at the terminal from the servers,
 * so that the application can finish its batch before Postgres goes away. It also holds the data folder's lock.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { END_GRACE_MS, LOCK_FILE, SERVER_NAMES } from './guard-protocol';
import type { GuardReport, GuardRequest, ServerCommand, ServerName } from './guard-protocol';
import { noteInLock, unlock } from './file-lock';
import { takeDataFolder } from './data-folder-lock';
import { identify } from './process-identity';
import type { ProcessIdentity } from './process-identity';

interface Running {
  readonly child: ChildProcess;
  readonly command: ServerCommand;
  readonly identity: ProcessIdentity | undefined;
  readonly ended: Promise<void>;
}

function report(message: GuardReport): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

class Guard {
  private readonly servers = new Map<ServerName, Running>();
  private ending: Promise<void> | undefined;

  constructor(
    private readonly lockPath: string,
    private readonly lockNotes: Readonly<Record<string, ProcessIdentity>>,
  ) {}

  start(id: number, command: ServerCommand): void {
    if (this.ending) return report({ type: 'failed', id, message: 'the stack is being ended' });
    const log = openSync(command.logFile, 'a');
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ['ignore', log, log],
      ...(command.uid === undefined ? {} : { uid: command.uid, gid: command.gid ?? command.uid }),
    });
    closeSync(log);
    child.once('error', (error) => report({ type: 'failed', id, message: error.message }));
    const pid = child.pid;
    if (pid === undefined) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.servers.get(command.name)?.child === child) this.servers.delete(command.name);
        this.note();
        report({ type: 'ended', name: command.name, code, signal });
        resolve();
      });
    });
    this.servers.set(command.name, { child, command, identity: identify(pid), ended });
    this.note();
    report({ type: 'started', id, pid });
  }

  async end(name: ServerName): Promise<void> {
    const server = this.servers.get(name);
    if (server === undefined) return;
    server.child.kill(server.command.stopSignal);
    // A server frozen by SIGSTOP (fault tests do that) only sees the signal when it runs again.
    server.child.kill('SIGCONT');
    const kill = setTimeout(() => server.child.kill('SIGKILL'), END_GRACE_MS);
    await server.ended;
    clearTimeout(kill);
  }

  /** Ends all servers, gives the data folder back and exits. */
  endAll(): Promise<void> {
    this.ending ??= Promise.all(SERVER_NAMES.map((name) => this.end(name))).then(() => {
      unlock(this.lockPath);
      process.exit(0);
    });
    return this.ending;
  }

  /** Writes the servers into the lock, so that the next start can end them should this process be killed as well. */
  private note(): void {
    const notes: Record<string, ProcessIdentity> = { ...this.lockNotes };
    for (const [name, { identity }] of this.servers) if (identity) notes[name] = identity;
    noteInLock(this.lockPath, notes);
  }
}

async function main(): Promise<void> {
  const dataDir = process.argv[2];
  if (dataDir === undefined) throw new Error('usage: guard.js <data folder>; it is started by the stack, not by hand');
  const lockPath = join(dataDir, LOCK_FILE);
  // The parent may be gone at any time; what cannot be told to it does not matter any more.
  process.stdout.on('error', () => undefined);
  const folder = await takeDataFolder(lockPath, process.ppid);
  if (folder.refused !== undefined) return report({ type: 'refused', message: folder.refused });
  const guard = new Guard(lockPath, folder.notes);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void guard.endAll());
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const request = JSON.parse(line) as GuardRequest;
    if (request.type === 'start') guard.start(request.id, request.command);
    else void guard.end(request.name);
  });
  lines.once('close', () => void guard.endAll());
  report({ type: 'locked' });
}

void main();
