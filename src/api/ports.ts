import type { PublisherRef } from '../domain/publisher';
import type { NewEvent } from '../postgres/enqueue';
import type { StoredEvent } from '../postgres/events';
import type { ApiKey, KeyForCheck } from '../postgres/keys';
import type { IngestLimits, TokenTake } from '../postgres/ingest-limits';

export type { NewEvent, StoredEvent };

/** What the API needs from the store. All methods reject with an OutboxError; POSTGRES_UNAVAILABLE means "try again". */

/** What became of one event. */
export interface Inserted {
  /** Decimal string; of a duplicate or a conflict, the first event's. Null when refused. */
  readonly id: string | null;
  readonly duplicate: boolean;
  /** True when the dedupe key belongs to an event with other content: this one is not stored. */
  readonly conflict: boolean;
  /** Why the store refused it for another reason (OB002 invalid, OB003 tenant unknown or suspended); names the remedy. */
  readonly refused: { readonly code: 'OB002' | 'OB003'; readonly reason: string } | null;
}

export interface EventStore {
  /**
   * Inserts in one transaction and resolves after its commit, results aligned with `events`. `each`: events with a conflict
   * or refused are left out, the others stored. `all`: one of those and nothing is stored.
   */
  insert(events: readonly NewEvent[], mode: 'each' | 'all'): Promise<readonly Inserted[]>;
  /** The tenant's event, or null when there is none with this id (also when another tenant has it). */
  find(tenant: string, id: string): Promise<StoredEvent | null>;
}

/** What limits of intake are counted with; shared by all API processes. */
export interface IngestMeter {
  takeTokens(
    tenant: string,
    limits: { readonly ratePerSecond: number; readonly burst: number },
    take: TokenTake,
  ): Promise<{ readonly granted: number; readonly tokens: number }>;
  /** Pending events of the tenant, counted up to `cap`. */
  countPending(tenant: string, cap: number): Promise<number>;
}

export type { IngestLimits };

export const SCOPES = ['ingest', 'read'] as const;
export type Scope = (typeof SCOPES)[number];

/** Tenants and their keys as the ingest API and the demo need them. */
export interface TenantStore {
  /** False when the tenant exists already. */
  createTenant(name: string): Promise<boolean>;
  /** Keys with this id, of whatever tenant. */
  findKeys(keyId: string): Promise<readonly KeyForCheck[]>;
  /** Null when there is no such tenant. `key` is the text to show once. */
  createKey(
    tenant: string,
    options: { readonly scopes: readonly Scope[]; readonly label: string | null },
  ): Promise<{ readonly key: string; readonly stored: ApiKey } | null>;
}

/**
 * Tells the publishers that there is work; called after the commit. Returns at once, never throws: a lost wake is healed by
 * the sweep, so no answer waits for Temporal.
 */
export type Wake = (publishers: readonly PublisherRef[]) => void;
