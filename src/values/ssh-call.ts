import { shellWord } from './shell-word.ts';

/**
 * How somebody calls ssh by hand as we do, for hints.
 *
 * @param command what is to be run there as root, as a shell takes it; without it, a login.
 */
export function sshCall(
  { destination, options, sudo }: { destination: string; options: readonly string[]; sudo: boolean },
  command?: string,
): string {
  const login = ['ssh', ...options, destination].map(shellWord).join(' ');
  if (command === undefined) return login;
  return `${login} ${sudo ? 'sudo ' : ''}${command}`;
}
