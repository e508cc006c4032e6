import type { Login } from '../contexts/login.ts';
import type { ApiRoute } from '../model/remote.ts';
import { sanitize } from '../terminal/sanitize.ts';

/** What the verbs here need, and what for. */
const NEEDED: Record<string, string> = {
  'VM.Audit': 'see guests',
  'VM.PowerMgmt': 'start and stop them',
  'VM.Console': 'open their terminals',
  'VM.GuestAgent.Unrestricted': 'run commands in virtual machines',
  'Sys.Console': 'open the shell of a node',
};

/** What Proxmox gives a root shell of a node to; never to a token, whatever its privileges. */
const SHELL_USER = 'root@pam';

/** Where these privileges are looked for. */
const PATHS = /^\/(?:$|(?:vms|nodes|pool)(?:\/|$))/;

/** What a login tells: who is where, and what that one may do with guests. */
export function loginText({ context, server, version, identity, permissions, routes }: Login): string {
  const hasShell = identity === SHELL_USER;
  const rows = Object.entries(permissions).flatMap(([path, privileges]) => {
    const useful = Object.keys(NEEDED).filter(
      (privilege) => privileges.includes(privilege) && (hasShell || privilege !== 'Sys.Console'),
    );
    return PATHS.test(path) && useful.length > 0
      ? [{ path, text: useful.map((privilege) => NEEDED[privilege]).join(', ') }]
      : [];
  });
  // What holds at "/" holds below, unless another list is there.
  const everywhere = rows.find(({ path }) => path === '/')?.text;
  const shown = rows.filter(({ path, text }) => path === '/' || text !== everywhere);
  const first = `${context}: logged in to ${server} (Proxmox VE ${version}) as ${identity}`;
  const last = routesText(routes, hasShell);
  if (shown.length === 0) {
    const hint =
      'Datacenter > Permissions gives it a role such as PVEVMUser on /vms; a token with privilege separation needs its own';
    return `${sanitize(first)}\nit may do nothing with guests yet: ${hint}\n${last}`;
  }
  return `${sanitize(first)}\n${shown.map(({ path, text }) => `it may, at ${sanitize(path)}: ${text}\n`).join('')}${last}`;
}

/** A route that was enabled for somebody else is kept. */
function routesText(routes: readonly ApiRoute[], hasShell: boolean): string {
  const usable = routes.filter((route) => hasShell || route !== 'node-shell');
  const first = usable.length === 0 ? '' : `commands may run over its API by: ${usable.join(', ')}\n`;
  if (usable.length === routes.length) return first;
  return `${first}node-shell is enabled, and never works: it needs ${SHELL_USER} with the password, and no token\n`;
}
