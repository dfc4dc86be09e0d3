import type { Pool } from 'pg';
import { errorMessage, isOutboxError } from '../domain/errors';
import type { ErrorCode } from '../domain/errors';
import type { DrainAddress } from '../domain/drain';
import type { BreakerState } from '../domain/breaker';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherSave, PublisherSettings, SavedPublisher } from '../domain/publisher-settings';
import { isBadData } from '../postgres/errors';
import { hasDrain } from '../postgres/relay/detach';
import { loadSaved, savePublisherState } from '../postgres/publisher-save';

/** What counts; a local activity that is repeated counts twice, which metrics can bear. */
export interface PublisherObserver {
  breakerWent(ref: PublisherRef, to: BreakerState['state']): void;
  denied(ref: PublisherRef): void;
  /** Postgres refuses to store the row, however often it is tried. */
  refused(ref: PublisherRef, code: ErrorCode, message: string): void;
}

/** The two short local activities through which a publisher workflow reads and writes its row. */
export function publisherRecordActivities(
  pool: Pool,
  settings: () => Promise<PublisherSettings>,
  observer: PublisherObserver,
): {
  loadPublisher(ref: PublisherRef): Promise<{ settings: PublisherSettings; saved: SavedPublisher }>;
  savePublisher(ref: PublisherRef, save: PublisherSave): Promise<void>;
  isAttached(ref: PublisherRef, address: DrainAddress): Promise<boolean>;
} {
  return {
    async loadPublisher(ref) {
      return { settings: await settings(), saved: await loadSaved(pool, ref) };
    },
    isAttached: (ref, address) => hasDrain(pool, ref, { ...address }),
    /** Operators' settings first, so that a terminated workflow or a wiped Temporal comes back with them. */
    async savePublisher(ref, save) {
      try {
        await savePublisherState(pool, ref, save);
      } catch (error) {
        // Tried again for ever, it would keep the publisher from ever draining again. The next change is written as usual.
        if (!isOutboxError(error) || !isBadData(error)) throw error;
        observer.refused(ref, error.code, errorMessage(error));
      }
      for (const to of save.breakerTo ?? []) observer.breakerWent(ref, to);
      if (save.denied === true) observer.denied(ref);
    },
  };
}
