import type { Pool } from 'pg';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherSave, PublisherSettings, SavedPublisher } from '../domain/publisher-settings';
import { loadSaved, savePublisherState } from '../postgres/publisher-save';

/** The two short local activities through which a publisher workflow reads and writes its row. */
export function publisherRecordActivities(
  pool: Pool,
  settings: PublisherSettings,
): {
  loadPublisher(ref: PublisherRef): Promise<{ settings: PublisherSettings; saved: SavedPublisher }>;
  savePublisher(ref: PublisherRef, save: PublisherSave): Promise<void>;
} {
  return {
    async loadPublisher(ref) {
      return { settings, saved: await loadSaved(pool, ref) };
    },
    /** Operators' settings first, so that a terminated workflow or a wiped Temporal comes back with them. */
    async savePublisher(ref, save) {
      await savePublisherState(pool, ref, save);
    },
  };
}
