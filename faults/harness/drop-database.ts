const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Drops a database together with whatever still uses it. An autovacuum worker counts as a superuser's, and `with (force)` then
 * refuses to end anything at all for a user who is none; a plain drop asks it to end and waits, but waits in vain for others.
 */
export async function dropDatabase(run: (statement: string) => Promise<unknown>, name: string): Promise<void> {
  try {
    await run(`drop database if exists "${name}" with (force)`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error;
    await run(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and usename = current_user`,
    );
    await run(`drop database if exists "${name}"`);
  }
}
