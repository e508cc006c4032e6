import { loadSettings } from '../config/settings.ts';
import type { Context } from '../contexts/context.ts';
import type { Contexts } from '../contexts/room.ts';
import { contextDocument } from './context-document.ts';
import type { ShownContext } from './context-document.ts';

/** The room of contexts with what it needs to know of this call. */
export interface ContextsOfCall {
  readonly room: typeof import('../contexts/room.ts');
  readonly contexts: Contexts;
  readonly stateDirectory: string;
  /** A context as it is shown. */
  readonly shown: (context: Context) => ShownContext;
  /** One by its name, or the current one. */
  readonly pick: (name: string | undefined) => Context;
}

/** @throws LxcriError `ConfigError` */
export async function contextsOfCall(env: NodeJS.ProcessEnv): Promise<ContextsOfCall> {
  const room = await import('../contexts/room.ts');
  const [{ stateDirectory }, contexts] = [await loadSettings(env), await room.loadContexts(env)];
  return {
    room,
    contexts,
    stateDirectory,
    shown(context) {
      const { identity } = context;
      const store = room.ticketStore(context, stateDirectory);
      const ticket = identity.kind === 'user' ? store.load(identity.user) : undefined;
      return contextDocument(context, room.currentContext(contexts, env), ticket);
    },
    pick: (name) => room.pickContext(contexts, env, name),
  };
}
