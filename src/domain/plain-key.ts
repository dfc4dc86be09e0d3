import { TOPIC_PATTERN } from './event';

/** Topics of a tenant whose message key is the ordering key alone; `*` = all of them. */
export type PlainKey = readonly string[];

/** The list is part of each drain's request, so of the workflow's history: it must stay short. */
export const MOST_PLAIN_KEY_TOPICS = 100;

/** Null, or one sentence that says what is wrong and what would be right. */
export function checkPlainKey(value: unknown): string | null {
  if (value === undefined) return null;
  if (!Array.isArray(value) || value.length > MOST_PLAIN_KEY_TOPICS) {
    return `plainKey must be a list of at most ${MOST_PLAIN_KEY_TOPICS} topics; for more, name all of them by *`;
  }
  const wrong = value.findIndex((topic: unknown) => !isPlainKeyTopic(topic));
  if (wrong < 0) return null;
  return `plainKey[${wrong}] must be a topic's name (1 to 249 letters, digits, ".", "_" or "-"), or * for all topics`;
}

export function isPlainKeyTopic(value: unknown): boolean {
  return typeof value === 'string' && (value === '*' || TOPIC_PATTERN.test(value));
}
