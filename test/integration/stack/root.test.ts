import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { runCommand } from '../../../src/stack/command';
import { startStack } from '../../../src/stack';
import { postgresBinaries } from '../../../src/stack/postgres/binaries';
import { chooseLauncher } from '../../../src/stack/postgres/launcher';
import { stackEnv, temporaryDataDir } from '../../support/stack';

// Only root has these difficulties: Postgres must run as another user, who may not enter root's own folders.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('root, in a folder that only root may enter', () => {
  let closed = '';
  beforeEach(() => {
    closed = temporaryDataDir();
    chmodSync(closed, 0o700);
  });
  afterEach(() => rmSync(closed, { recursive: true, force: true }));

  test('the data lies there', async () => {
    const stack = await startStack({ dataDir: join(closed, 'data'), env: stackEnv(), only: ['postgres'] });
    try {
      const client = new Client({ connectionString: stack.databaseUrl });
      await client.connect();
      await client.query('create table t as select 1');
      await client.end();
      await stack.restart('postgres');
    } finally {
      await stack.stop();
    }
  });

  test('the binaries lie there too, as in a fresh clone in a temporary folder', async () => {
    const native = dirname(dirname(postgresBinaries().postgres));
    cpSync(native, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    const home = join(closed, 'home');
    mkdirSync(home);
    const bin = join(closed, 'native', 'bin');
    const launcher = await chooseLauncher(join(bin, 'postgres'), home, process.env);
    expect(launcher.owner?.uid).toBeGreaterThan(0);
    // initdb looks for postgres beside itself with access(2), which has its own view of capabilities.
    chmodSync(home, 0o777);
    const args = [`--pgdata=${join(home, 'cluster')}`, '--username=x', '--auth=trust', '--no-sync', '--locale=C'];
    const run = launcher.wrap(join(bin, 'initdb'), args);
    const result = await runCommand(run.file, run.args, { cwd: '/', uid: launcher.uid, gid: launcher.gid });
    expect(result).toMatchObject({ code: 0 });
  });
});
