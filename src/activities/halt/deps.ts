import type { DrainDeps } from '../drain/context';

/** What ending a halt needs of what all drains of a worker share. */
export type HaltDeps = Pick<DrainDeps, 'pool' | 'sink' | 'worker' | 'observer' | 'publishDeadlineMs'>;
