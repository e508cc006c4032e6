/** What can be told of a terminal by what it shows. Nobody has typed anything for it. */

/** Root's prompt in every shell that is not told otherwise ends so. */
const ROOT_PROMPT = /# $/;

/** Programs with a prompt of their own that ends like root's: psql of a superuser (`postgres=#`, `postgres-#` ...). */
const OTHER_PROMPT = /[=\-'"(*^!>$]# $/;

const LOGIN = /(login|password|passwd|user ?name|passphrase)[^\n]*: ?$/i;

/** What is on a terminal: a shell of root that waits for a command, a question who one is, or anything else. */
export type Shown = 'prompt' | 'login' | 'nothing' | 'something';

/** Judges the line with the cursor. */
export function whatIsShown(lastLine: string, text: string): Shown {
  if (LOGIN.test(lastLine)) return 'login';
  if (ROOT_PROMPT.test(lastLine) && !OTHER_PROMPT.test(lastLine)) return 'prompt';
  return text.trim() === '' ? 'nothing' : 'something';
}
