/** What becomes of later events of a key while one of it is parked: they wait, or they go on without it. */
export type OnPoison = 'hold-key' | 'skip';

export const DEFAULT_ON_POISON: OnPoison = 'hold-key';

/** Refusals of one event until it is parked. */
export const DEFAULT_MAX_ATTEMPTS = 5;
