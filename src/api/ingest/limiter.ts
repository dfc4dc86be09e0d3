import type { IngestLimits } from '../../postgres/ingest-limits';
import { HttpProblem } from '../http/problem';
import type { IngestMeter } from '../ports';

/** Headers that tell a limited tenant where it stands. */
export type StandingHeaders = Readonly<Record<string, string>>;

export interface IngestLimiter {
  /**
   * Null at once for a tenant without limits: the usual case costs two comparisons. Else resolves with the headers of the
   * answer, or rejects with a 429 that says when to come back. `own` = what the tenant's settings say.
   */
  admit(tenant: string, own: Partial<IngestLimits> | null, events: number): Promise<StandingHeaders> | null;
}

/** What one process remembers of a limited tenant. */
interface Known {
  /** The limits that the rest belongs to. */
  limits: string;
  /** Tokens taken from the shared bucket and not used yet. */
  lease: number;
  /** The bucket after the last take. */
  tokens: number;
  /** No look at the bucket before this moment: until then it cannot hold enough. */
  emptyUntil: number;
  /** Requests of one tenant take one after the other, so that one statement serves many. */
  turn: Promise<unknown>;
  pending: { readonly count: Promise<number>; admitted: number; staleAt: number } | null;
}

/** A process takes a twentieth of a second's tokens at once: 20 statements per second and tenant at most, whatever the rate. */
const LEASES_PER_SECOND = 20;
const PENDING_TTL_MS = 1_000;
/** Counting a large backlog must not become its main reader: at most a twentieth of the time. */
const PENDING_SHARE = 20;
const WARN_AT = 0.8;
const KNOWN_TENANTS = 10_000;
/** For a rate of 0, which only an operator changes. */
const STOPPED_RETRY_S = 60;

/** Limits per tenant, shared by all API processes through Postgres. Token buckets for the rate, a capped count for the backlog. */
export function createIngestLimiter(
  meter: IngestMeter,
  defaults: IngestLimits,
  now: () => number = Date.now,
): IngestLimiter {
  const tenants = new Map<string, Known>();
  const limited = defaults.ratePerSecond !== null || defaults.maxPending !== null;

  return {
    admit(tenant, own, events) {
      if (own === null && !limited) return null;
      const limits = { ...defaults, ...own };
      if (limits.ratePerSecond === null && limits.maxPending === null) return null;
      return admitLimited(tenant, limits, events);
    },
  };

  async function admitLimited(tenant: string, limits: IngestLimits, events: number): Promise<StandingHeaders> {
    const known = knownOf(tenant, limits);
    const warnings: string[] = [];
    let counted = null;
    if (limits.maxPending !== null) {
      counted = await admitPending(tenant, known, limits.maxPending, events);
      const { pending } = counted;
      if (pending >= WARN_AT * limits.maxPending) warnings.push(`backlog ${pending} of ${limits.maxPending}`);
    }
    const { ratePerSecond: rate, burst } = limits;
    if (rate === null) return standing(warnings, {});
    const turn = known.turn.then(() => admitRate(tenant, known, { rate, burst }, events));
    // What the rate refuses is no backlog.
    known.turn = turn.catch(() => counted?.takeBack());
    await turn;
    const left = leftOf(known);
    if (left <= (1 - WARN_AT) * burst) warnings.push(`rate ${left} of ${burst} left`);
    return standing(warnings, rateHeaders(burst, left, rate));
  }

  function knownOf(tenant: string, limits: IngestLimits): Known {
    const text = `${limits.ratePerSecond}/${limits.burst}/${limits.maxPending}`;
    const found = tenants.get(tenant);
    // Tokens taken under other limits are not worth what they were.
    if (found?.limits === text) return found;
    if (tenants.size >= KNOWN_TENANTS) tenants.clear();
    const known: Known = { limits: text, lease: 0, tokens: 0, emptyUntil: 0, turn: Promise.resolve(), pending: null };
    tenants.set(tenant, known);
    return known;
  }

  async function admitPending(
    tenant: string,
    known: Known,
    most: number,
    events: number,
  ): Promise<{ pending: number; takeBack: () => void }> {
    if (known.pending === null || now() >= known.pending.staleAt) {
      const started = now();
      const fresh = { count: meter.countPending(tenant, most + 1), admitted: 0, staleAt: Infinity };
      known.pending = fresh;
      const counted = (): void => {
        fresh.staleAt = now() + Math.max(PENDING_TTL_MS, PENDING_SHARE * (now() - started));
      };
      fresh.count.then(counted, () => {
        // A failed count is not remembered: the next request counts again.
        if (known.pending === fresh) known.pending = null;
      });
    }
    const { pending } = known;
    const count = (await pending.count) + pending.admitted;
    if (count >= most) {
      throw new HttpProblem(
        'backlog_full',
        `${most} events of this tenant wait to be published already. Send more when they are, or ask the operator for a larger maxPending.`,
        { headers: { 'retry-after': '1', ...plainHeaders(most, 0, 1) } },
      );
    }
    // What this process accepts until the next count counts as pending, else a second's posts would go through unseen.
    pending.admitted += events;
    return { pending: count + events, takeBack: () => void (pending.admitted -= events) };
  }

  async function admitRate(
    tenant: string,
    known: Known,
    { rate, burst }: { readonly rate: number; readonly burst: number },
    events: number,
  ): Promise<void> {
    if (rate > 0 && known.lease < events && now() >= known.emptyUntil) {
      const need = events - known.lease;
      const wanted = Math.max(need, Math.floor(rate / LEASES_PER_SECOND));
      const least = Math.min(need, burst);
      const { granted, tokens } = await meter.takeTokens(
        tenant,
        { ratePerSecond: rate, burst },
        { least, need, wanted },
      );
      known.lease += granted;
      known.tokens = tokens;
      if (granted === 0) known.emptyUntil = now() + Math.ceil(((least - tokens) / rate) * 1_000);
    }
    if (known.lease >= events) {
      known.lease -= events;
      return;
    }
    const seconds = rate > 0 ? Math.max(1, Math.ceil((known.emptyUntil - now()) / 1_000)) : STOPPED_RETRY_S;
    throw new HttpProblem(
      'rate_limited',
      `This tenant may send ${rate} events per second. Try again after the seconds in Retry-After, or ask the operator for a higher rate.`,
      { headers: { 'retry-after': String(seconds), ...plainHeaders(burst, leftOf(known), seconds) } },
    );
  }
}

function leftOf(known: Known): number {
  return Math.max(0, Math.floor(known.lease + known.tokens));
}

function rateHeaders(burst: number, left: number, rate: number): StandingHeaders {
  return plainHeaders(burst, left, rate > 0 ? Math.ceil(Math.max(0, burst - left) / rate) : STOPPED_RETRY_S);
}

function plainHeaders(limit: number, remaining: number, reset: number): StandingHeaders {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(reset),
  };
}

function standing(warnings: readonly string[], headers: StandingHeaders): StandingHeaders {
  return warnings.length === 0 ? headers : { ...headers, 'x-outbox-warning': warnings.join('; ') };
}
