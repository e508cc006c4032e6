import { LxcriError } from '../model/errors.ts';
import type { Asker } from '../terminal/prompt.ts';

/** What is typed for each kind that can be typed at all; the others need a browser. */
const TYPED: Record<string, string> = {
  totp: 'code of the authenticator app',
  recovery: 'recovery key',
  yubico: 'Yubico one-time password',
};

/**
 * Asks for a second factor.
 *
 * @param kinds what the server takes.
 * @returns the answer as the server wants it, such as `totp:123456`.
 * @throws LxcriError `AuthenticationFailed` when none of them can be typed.
 */
export async function askSecondFactor(ask: Asker, user: string, kinds: readonly string[]): Promise<string> {
  const typed = kinds.filter((kind) => Object.hasOwn(TYPED, kind));
  if (typed.length === 0) {
    throw new LxcriError(
      'AuthenticationFailed',
      `the second factor of ${user} (${kinds.join(', ')}) cannot be given at a terminal`,
      'use an API token, which needs none: proxmox-lxcri login --token USER@REALM!NAME',
    );
  }
  const answer = await ask.secret(`${capitalized(typed.map((kind) => TYPED[kind]).join(' or '))} for ${user}: `);
  return `${kindOf(answer.trim(), typed)}:${answer.trim()}`;
}

/** They differ in form: six to eight digits, hex with dashes, or 44 letters. */
function kindOf(answer: string, kinds: readonly string[]): string {
  const [first = 'totp'] = kinds;
  if (kinds.includes('totp') && /^\d{6,8}$/.test(answer)) return 'totp';
  if (kinds.includes('yubico') && /^[a-z]{32,48}$/i.test(answer)) return 'yubico';
  if (kinds.includes('recovery') && answer.includes('-')) return 'recovery';
  return first;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
