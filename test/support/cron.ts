/** Debian's cron, with crontabs of the test's own and a sendmail that keeps what it is given; the host's see nothing of it. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isRunning } from './proc.ts';
import { scratchDirectory } from './scratch.ts';
import { waitFor } from './wait-for.ts';

export interface Mail {
  /** The command of the job. */
  readonly command: string;
  readonly body: string;
}

export interface Cron {
  /** All mails so far. */
  mails(): Mail[];
  /** Makes cron forget its crontabs, so that no further minute fires. */
  retire(): void;
  /** Resolves when no job runs, and none has a mail to send. */
  idle(timeoutMs: number): Promise<void>;
  /** Ends cron; what still runs of its jobs goes on. */
  stop(): Promise<void>;
}

export const CRON = '/usr/sbin/cron';

/** The files that a cron of the host may have, and that ours would make. */
const HOST_FILES = ['/run/crond.pid', '/run/crond.reboot'];

/**
 * Everything happens in a mount namespace of its own: there, cron finds our crontabs instead of the host's.
 * $1 is our folder.
 */
const PREPARE = `
set -e
mount --bind "$1/cron.d" /etc/cron.d
mount --bind "$1/crontabs" /var/spool/cron/crontabs
if [ -e /etc/crontab ]; then mount --bind "$1/empty" /etc/crontab; fi
mount --bind "$1/pid" /run/crond.pid
mount --bind "$1/empty" /run/crond.reboot
mount -t overlay overlay -o "lowerdir=$1/sbin:/usr/sbin" /usr/sbin
exec ${CRON} -f
`;

/** Written under another name first, so that a mail is there as a whole or not at all. */
const SENDMAIL = (mails: string): string => `#!/bin/sh
file=$(mktemp ${mails}/new.XXXXXX)
cat >"$file"
mv "$file" "$file.mail"
`;

/**
 * Starts cron.
 *
 * @param crontabs files for /etc/cron.d, by name.
 */
export function startCron(crontabs: Record<string, string>): Cron {
  const folder = scratchDirectory();
  const mails = join(folder, 'mails');
  for (const name of ['cron.d', 'crontabs', 'sbin', 'mails']) mkdirSync(join(folder, name));
  for (const name of ['empty', 'pid']) writeFileSync(join(folder, name), '');
  for (const [name, text] of Object.entries(crontabs)) writeFileSync(join(folder, 'cron.d', name), text);
  writeFileSync(join(folder, 'sbin/sendmail'), SENDMAIL(mails));
  chmodSync(join(folder, 'sbin/sendmail'), 0o755);
  // To be mounted over, they have to be there.
  const made = HOST_FILES.filter((file) => !existsSync(file));
  for (const file of made) writeFileSync(file, '');
  // Should this process be killed, cron must not go on firing every minute.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'slave', '/bin/sh', '-c', PREPARE, 'sh', folder],
    { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const { pid = 0 } = child;
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const assertRuns = (): void => {
    if (child.exitCode !== null) throw new Error(`cron ended with ${child.exitCode}`);
  };
  return {
    mails() {
      assertRuns();
      return readdirSync(mails)
        .filter((name) => name.endsWith('.mail'))
        .map((name) => mailIn(readFileSync(join(mails, name), 'utf8')));
    },
    retire() {
      for (const name of Object.keys(crontabs)) rmSync(join(folder, 'cron.d', name));
    },
    async idle(timeoutMs) {
      const jobs = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
      await waitFor(() => jobs() === '', { what: 'the jobs of cron to end', timeoutMs });
    },
    async stop() {
      if (isRunning(pid)) child.kill('SIGTERM');
      await ended;
      for (const file of made) if (existsSync(file) && readFileSync(file, 'utf8') === '') rmSync(file);
    },
  };
}

/** cron's mails begin with headers; the subject is "Cron <USER@HOST> COMMAND". */
function mailIn(text: string): Mail {
  const end = text.indexOf('\n\n');
  const command = /^Subject: Cron <[^>]*> (.*)$/m.exec(text.slice(0, end))?.[1] ?? '';
  return { command, body: text.slice(end + 2) };
}
