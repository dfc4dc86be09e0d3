import { errorMessage } from '../domain/errors';

/** Resolves when the dependency answers; rejects with the reason when not. Must bound its own time. */
export type Check = () => Promise<void>;

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** True if readiness depends on it; others are only reported. */
  readonly required: boolean;
  readonly reason: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly CheckResult[];
}

/** No probe waits longer than this for one check: kubelet's default time-out is 1 s, and a late answer counts as none. */
const CHECK_TIMEOUT_MS = 900;

/** The readiness checks of one process. Liveness has no checks on purpose: a dead database must not restart everything. */
export interface Health {
  /** Adds a check; a required one decides over readiness, others are reported by `?verbose`. */
  register(name: string, check: Check, options?: { readonly required?: boolean }): void;
  /** From now on not ready: load balancers turn away before the listener closes. */
  startShutdown(): void;
  /** Runs all checks at once, each bounded in time; only the required ones unless verbose. */
  readiness(options?: { readonly verbose?: boolean }): Promise<Readiness>;
}

export function createHealth(): Health {
  const checks = new Map<string, { check: Check; required: boolean }>();
  let shuttingDown = false;
  return {
    register(name, check, options = {}) {
      checks.set(name, { check, required: options.required ?? true });
    },
    startShutdown() {
      shuttingDown = true;
    },
    async readiness(options = {}) {
      const chosen = [...checks].filter(([, entry]) => entry.required || options.verbose === true);
      const results = await Promise.all(chosen.map(([name, entry]) => run(name, entry.check, entry.required)));
      if (shuttingDown) results.push({ name: 'process', ok: false, required: true, reason: 'shutting down' });
      return { ready: results.every((result) => result.ok || !result.required), checks: results };
    },
  };
}

async function run(name: string, check: Check, required: boolean): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), late]);
    return { name, ok: true, required, reason: null };
  } catch (error) {
    return { name, ok: false, required, reason: errorMessage(error) };
  } finally {
    clearTimeout(timer);
  }
}
