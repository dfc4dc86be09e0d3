import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hashSecret, parseKey } from '../../postgres/keys';
import { HttpProblem } from '../http/problem';
import type { KeyForCheck } from '../../postgres/keys';
import type { Scope, TenantStore } from '../ports';

export interface Caller {
  readonly tenant: string;
  readonly keyId: string;
  /** What the tenant's settings say about intake; null = nothing. As fresh as the key. */
  readonly ingest: KeyForCheck['ingest'];
}

export interface Authenticator {
  /** The caller of a request. Throws an HttpProblem; rejects with an OutboxError when the store does not answer. */
  authenticate(request: IncomingMessage, scope: Scope): Promise<Caller>;
}

/** A revoked key stops working within this time plus one look-up; the promise is 5 s. */
const CACHE_TTL_MS = 3_000;
/** Unknown key ids are cached too; without a bound, an attacker with a checksum would fill the memory. */
const CACHE_ENTRIES = 10_000;

interface Cached {
  readonly at: number;
  readonly keys: Promise<readonly KeyForCheck[]>;
}

/** Keys are looked up once per TTL, whatever the rate of requests; look-ups of the same key at the same time are one. */
export function createAuthenticator(store: Pick<TenantStore, 'findKeys'>, now: () => number = Date.now): Authenticator {
  const cache = new Map<string, Cached>();

  function keysOf(keyId: string): Promise<readonly KeyForCheck[]> {
    const cached = cache.get(keyId);
    const at = now();
    if (cached !== undefined && at - cached.at < CACHE_TTL_MS) return cached.keys;
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    const entry = { at, keys: store.findKeys(keyId) };
    cache.set(keyId, entry);
    // A failed look-up is not cached: the next request asks again.
    entry.keys.catch(() => {
      if (cache.get(keyId) === entry) cache.delete(keyId);
    });
    return entry.keys;
  }

  return {
    async authenticate(request, scope) {
      const presented = parseKey(bearerToken(request));
      if (presented === null) {
        throw unauthenticated('The key is not a key of this service. Check that it was copied completely.');
      }
      const keys = await keysOf(presented.keyId);
      const hash = hashSecret(presented.secret);
      const key = keys.find((candidate) => timingSafeEqual(hash, candidate.secretHash));
      // One text for unknown, wrong, revoked and expired: the difference is nobody's business without the key.
      if (key === undefined || !isUsable(key, now())) {
        throw unauthenticated('The key is unknown, revoked or expired. Ask the operator for a new one.');
      }
      if (!key.scopes.includes(scope)) {
        throw new HttpProblem('forbidden', `The key lacks the scope "${scope}". Use a key that has it.`);
      }
      if (scope === 'ingest' && !key.tenantActive) throw suspended();
      return { tenant: key.tenant, keyId: key.keyId, ingest: key.ingest };
    },
  };
}

function isUsable(key: KeyForCheck, now: number): boolean {
  return key.revokedAt === null && (key.expiresAt === null || key.expiresAt.getTime() > now);
}

/** Suspending stops intake, not reading. */
export function suspended(): HttpProblem {
  return new HttpProblem('forbidden', 'The tenant is suspended. Ask the operator to activate it.');
}

/** The token of the one Authorization header. Throws an HttpProblem. */
export function bearerToken(request: IncomingMessage): string {
  const header = request.headers.authorization;
  if (header === undefined)
    throw unauthenticated('The Authorization header is missing. Send "Authorization: Bearer <key>".');
  // Node keeps the first of several; a proxy in front may have checked another one.
  let count = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.length === 13 && request.rawHeaders[i]?.toLowerCase() === 'authorization') count += 1;
  }
  if (count !== 1)
    throw new HttpProblem('invalid_header', 'There are several Authorization headers. Send exactly one.');
  const match = /^Bearer +([\x21-\x7e]+) *$/i.exec(header);
  if (match?.[1] === undefined)
    throw unauthenticated('The Authorization header is not of the form "Bearer <key>". Correct it.');
  return match[1];
}

export function unauthenticated(detail: string): HttpProblem {
  return new HttpProblem('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
}
