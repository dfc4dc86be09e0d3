export { enqueue } from './enqueue';
export type { EnqueueEvent, EnqueueResult, Queryable } from './types';
export { EnqueueError } from './errors';
export type { EnqueueErrorCode } from './errors';
