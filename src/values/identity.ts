import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/** As PVE/Auth/Plugin.pm and PVE/AccessControl.pm have them. */
const USER = '[^\\s:/!@]+(?:@[^\\s:/!@]+)*@[A-Za-z][\\w.-]+';
const TOKEN = '[A-Za-z][\\w.-]+';

const USER_FORM = new RegExp(`^${USER}$`);
const TOKEN_FORM = new RegExp(`^${USER}!${TOKEN}$`);

/**
 * The name of a user of Proxmox VE with its realm, such as `root@pam`.
 *
 * @throws InvalidValue
 */
export function userName(text: string): string {
  if (USER_FORM.test(text)) return text;
  const hint = TOKEN_FORM.test(text)
    ? 'that is the id of a token; it is given as one'
    : 'write it with its realm, for instance root@pam';
  throw new InvalidValue(`${quoted(text)} is no user`, hint);
}

/**
 * The id of an API token: its user, and its own name, such as `root@pam!backup`.
 *
 * @throws InvalidValue
 */
export function tokenId(text: string): string {
  if (TOKEN_FORM.test(text)) return text;
  // Whoever pastes the secret too must not read it in the message.
  const shown = quoted(text.split('=', 1)[0] ?? '');
  throw new InvalidValue(`${shown} is no id of a token`, 'write user@realm!name, for instance root@pam!backup');
}
