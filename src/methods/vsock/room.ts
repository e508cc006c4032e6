/** What concerns microVMs over vsock; a bundle of its own, loaded when there is one. */
export { findGuest } from './guest.ts';
export { startInGuest } from './start.ts';
