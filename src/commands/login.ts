import { resolve } from 'node:path';
import { isatty } from 'node:tty';

import { Args, Flags } from '@oclif/core';

import { answered } from '../cli/interruption.ts';
import { loginText } from '../cli/login-text.ts';
import { readInput } from '../cli/read-input.ts';
import { flagValue } from '../cli/values/flag-value.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { answerTimeout, answerTimeoutFlag } from '../cli/verb-flags.ts';
import { loadSettings } from '../config/settings.ts';
import { LxcriError } from '../model/errors.ts';
import { API_ROUTES } from '../model/remote.ts';
import type { ApiRoute } from '../model/remote.ts';
import { standardInput } from '../process/standard-streams.ts';
import { askerAtTerminal } from '../terminal/prompt.ts';
import { serverAddress } from '../values/address.ts';
import { contextName } from '../values/context-name.ts';
import { fingerprintOf } from '../values/fingerprint.ts';
import { tokenId, userName } from '../values/identity.ts';
import { orderedRoutes, routeName } from '../values/routes.ts';

const SECRET_INPUT = { maxBytes: 65_536, deadlineMs: 60_000 };

/** What contradicts each other. */
const CONFLICTS = [
  ['user', 'token'],
  ['user', 'token-stdin'],
  ['token', 'password-stdin'],
  ['password-stdin', 'token-stdin'],
  ['ca-file', 'fingerprint'],
] as const;

/** `login`: makes a context, or renews its secret. */
export default class Login extends Verb {
  static override summary = 'Log in to a Proxmox VE cluster, and keep it as a context.';

  static override description =
    `What is not said is asked for at a terminal: server, user or token, secret, second factor; and whether an unknown
certificate is to be trusted. Without a terminal nothing is asked, and an unknown certificate is refused with its fingerprint.
A token's secret is stored in a file that only you can read. A password is stored nowhere: the ticket that it gives is
renewed while it is used, and ends two hours after.`;

  static override examples = [
    '<%= config.bin %> login --host pve1.example',
    {
      description: 'With an API token, from a script',
      command:
        '<%= config.bin %> login home --host pve1.example --ca-file pve-root-ca.pem --token root@pam!cli --token-stdin <secret',
    },
    {
      description: 'Again, because the ticket has expired or the certificate was renewed',
      command: '<%= config.bin %> login home',
    },
  ];

  static override args = {
    name: Args.string({
      name: 'NAME',
      description: "the context (default: the server's name, or the current context)",
      ignoreStdin: true,
    }),
  };

  static override flags = {
    host: Flags.string({ helpValue: 'HOST[:PORT]', summary: 'the server: any node of the cluster (port 8006)' }),
    user: Flags.string({ helpValue: 'USER@REALM', summary: 'a user with a password' }),
    token: Flags.string({ helpValue: 'USER@REALM!NAME', summary: 'an API token, by its id' }),
    'ca-file': Flags.string({
      helpValue: 'FILE',
      summary: "the authorities that vouch for the server (of a node: /etc/pve/pve-root-ca.pem); default: the system's",
    }),
    fingerprint: Flags.string({
      helpValue: 'SHA256',
      summary: "pin the server's certificate (on the node: pvenode cert info)",
    }),
    'password-stdin': Flags.boolean({
      summary: 'read the password from standard input',
    }),
    'token-stdin': Flags.boolean({ summary: 'read the secret of the token from standard input' }),
    timeout: answerTimeoutFlag,
    route: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      summary: `what may run commands over the API without being named: ${API_ROUTES.join(', ')} (root on the nodes: node-shell), or none; repeatable, or with commas`,
    }),
    bare: Flags.boolean({ summary: 'a word without a scheme may name a container of it', allowNo: true }),
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Login);
    refuseConflicts(flags);
    const { name } = args;
    const timeoutMs = answerTimeout(flags.timeout);
    const { host, user, token, fingerprint } = flags;
    const request = {
      name: name === undefined ? undefined : flagValue('NAME', () => contextName(name)),
      address: host === undefined ? undefined : flagValue('--host', () => serverAddress(host)),
      user: user === undefined ? undefined : flagValue('--user', () => userName(user)),
      token: token === undefined ? undefined : flagValue('--token', () => tokenId(token)),
      caFile: flags['ca-file'] === undefined ? undefined : resolve(flags['ca-file']),
      fingerprint: fingerprint === undefined ? undefined : flagValue('--fingerprint', () => fingerprintOf(fingerprint)),
      bare: flags.bare,
      routes: flags.route === undefined ? undefined : flagValue('--route', () => routesOf(flags.route ?? [])),
      secret: await secretFromInput(flags),
    };
    const { stateDirectory } = await loadSettings(process.env);
    const room = await import('../contexts/room.ts');
    const place = { env: process.env, stateDirectory, ask: askerAtTerminal() };
    const done = await answered((abort) => room.login(request, { ...place, abort }), timeoutMs);
    return { document: done, text: () => loginText(done) };
  }
}

/** `none` takes back what was allowed before. */
function routesOf(words: readonly string[]): ApiRoute[] {
  const names = words.flatMap((word) => word.split(','));
  return names.length === 1 && names[0] === 'none' ? [] : orderedRoutes(names.map(routeName));
}

function refuseConflicts(flags: Record<string, unknown>): void {
  for (const [one, other] of CONFLICTS) {
    if (flags[one] !== undefined && flags[other] !== undefined)
      throw new LxcriError('UsageError', `--${one} and --${other} contradict each other`, 'leave one of them out');
  }
}

async function secretFromInput(flags: Record<string, unknown>): Promise<string | undefined> {
  const flag = ['password-stdin', 'token-stdin'].find((each) => flags[each] === true);
  if (flag === undefined) return undefined;
  if (isatty(0)) {
    const message = `--${flag}: standard input is a terminal, which would show what is typed`;
    throw new LxcriError('UsageError', message, 'leave the flag out, and it is asked for');
  }
  const input = await readInput(standardInput(), SECRET_INPUT);
  if (typeof input === 'string')
    throw new LxcriError('UsageError', `--${flag}: the input is ${input}`, 'give one line');
  const [secret = ''] = input.toString().split(/\r?\n/, 1);
  if (secret !== '') return secret;
  throw new LxcriError('UsageError', `--${flag}: there is nothing on standard input`, 'give it in one line');
}
