export { publisher } from './publisher';
export { replay } from './replay';
