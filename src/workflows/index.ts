export { publisher } from './publisher';
export { replay } from './replay';
export { retention } from './retention';
