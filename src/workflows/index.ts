export { publisher } from './publisher';
