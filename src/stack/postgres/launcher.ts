import { readFileSync, statSync } from 'node:fs';
import { findOnPath, runCommand } from '../command';
import { missingPrerequisite } from '../prerequisites';

/** How a Postgres program is run on this machine: as we are, or (we are root) as somebody else. */
export interface Launcher {
  /** File and arguments with which to run `program args`. */
  wrap(program: string, args: readonly string[]): { readonly file: string; readonly args: readonly string[] };
  /** For the spawn itself; unset where the wrapped program changes the user. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Who the data must belong to; unset if that is us. */
  readonly owner?: User | undefined;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Postgres refuses to run as root. For root it runs as the owner of its data, else as `postgres`, else as `nobody`.
 * That user must reach the binaries and the data, which it cannot where root's checkout lies in a folder with mode
 * 0700 (/root, mktemp -d). Then setpriv lends it one capability, the weakest that does: to pass folders
 * (DAC_READ_SEARCH), or where a container withholds that one, DAC_OVERRIDE. The alternatives would change the modes
 * of the user's folders or keep the data somewhere else than where it is looked for (and deleted).
 *
 * @param postgres a Postgres binary, tried with --version
 * @param dataDir an existing folder that the user must be able to enter
 */
export async function chooseLauncher(postgres: string, dataDir: string, env: NodeJS.ProcessEnv): Promise<Launcher> {
  const plain: Launcher = { wrap: (program, args) => ({ file: program, args }) };
  if (process.getuid?.() !== 0) return plain;
  const user = postgresUser(dataDir);
  if (user === undefined) throw missingPrerequisite('postgresUser');
  const candidates: Launcher[] = [{ ...plain, ...user, owner: user }];
  const setpriv = findOnPath('setpriv', env);
  if (setpriv !== undefined) {
    candidates.push(withCapability(setpriv, user, 'dac_read_search'), withCapability(setpriv, user, 'dac_override'));
  }
  let found = '';
  for (const candidate of candidates) {
    const probe = candidate.wrap('/bin/sh', [
      '-c',
      'cd "$1" && test -x "$2" && exec "$2" --version',
      'sh',
      dataDir,
      postgres,
    ]);
    // The working folder must be one that everybody may enter; our own may not be.
    const result = await runCommand(probe.file, probe.args, { uid: candidate.uid, gid: candidate.gid, cwd: '/' });
    if (result.code === 0) return candidate;
    found ||= result.output;
  }
  throw missingPrerequisite('postgresFolder', found);
}

function withCapability(setpriv: string, user: User, capability: string): Launcher {
  const options = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    `--inh-caps=-all,+${capability}`,
    `--ambient-caps=-all,+${capability}`,
    `--bounding-set=-all,+${capability}`,
    // Without this bit access(2), with which initdb looks for `postgres`, ignores what capabilities a non-root user has.
    '--securebits=+no_setuid_fixup',
  ];
  return { wrap: (program, args) => ({ file: setpriv, args: [...options, program, ...args] }), owner: user };
}

function postgresUser(dataDir: string): User | undefined {
  const { uid, gid } = statSync(dataDir);
  if (uid !== 0) return { uid, gid };
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const entry = users.find((fields) => fields[0] === name);
    if (entry !== undefined && Number(entry[2]) > 0) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  return undefined;
}
