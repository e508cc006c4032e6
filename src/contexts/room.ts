/**
 * All that other rooms use of this one. A bundle of its own, to be imported when it is needed: a call about a container of
 * this host needs none of it. Whether there are contexts at all, files.ts tells without it.
 */
export { clientFor, endpointsKnown, guestsKnown, loginOf, ticketStore } from './client.ts';
export { currentContext, loadContexts, pickContext } from './contexts.ts';
export type { Contexts } from './contexts.ts';
export { forgetSecrets, removeContext, useContext } from './edit.ts';
export { login } from './login.ts';
export { sshAccess } from './ssh.ts';
