/** Commands that are of no use without a terminal (the list of rune's exec, with its relatives). */
const INTERACTIVE = new Set(
  'vi vim nvim view nano emacs mc less more most man top htop btop atop iotop nmtui tmux screen watch passwd mysql psql redis-cli'.split(
    ' ',
  ),
);
const SHELLS = new Set('sh ash bash dash zsh fish ksh mksh csh tcsh'.split(' '));

/**
 * Whether a command wants a terminal: an editor, a pager, `top`, or a shell that is not given a script.
 *
 * @param words the command; empty means a login shell.
 */
export function isInteractive(words: readonly string[]): boolean {
  const [first, ...rest] = words;
  if (first === undefined) return true;
  const name = first.slice(first.lastIndexOf('/') + 1);
  if (!SHELLS.has(name)) return INTERACTIVE.has(name);
  const script = rest.findIndex((word) => !/^[-+]./.test(word));
  const options = script === -1 ? rest : rest.slice(0, script);
  const letters = options.filter((word) => !word.startsWith('--')).join('');
  return letters.includes('i') || (script === -1 && !letters.includes('c'));
}
