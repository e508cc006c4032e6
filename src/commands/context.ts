import ContextList from './context/list.ts';

/** `context` alone lists them. */
export default class Context extends ContextList {
  static override summary = 'Clusters by name; alone: list them.';

  static override examples = ['<%= config.bin %> context', '<%= config.bin %> context use home'];
}
