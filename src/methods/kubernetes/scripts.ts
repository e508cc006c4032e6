import { TAG_VARIABLE } from '../../process/tree.ts';

/**
 * The scripts that run in a container of a pod, in its own /bin/sh (dash, busybox ash or bash). The first of them goes with
 * the request, in the URL; the others come by standard input, which no log and no process list shows: they may hold values
 * of the environment. Their variables are written plx_ here for legibility, and get a prefix that users cannot set.
 */

/** What the names of the scripts' own variables begin with. */
const OWN = 'PROXMOX_LXCRI_S_';

/** What a loader does once it is there. */
const LOAD =
  'while IFS= read -r $plx_r plx_l;do [ "$plx_l" = "$0" ]&&{ eval "$plx_s";exit;};plx_s="$plx_s$plx_l\n";done;exit 125';

/**
 * Says `ready` on standard error, reads a script from standard input, up to a line that is the name it was called by, and
 * becomes it. A shell reads a pipe byte by byte, so that what follows is there for the command. What comes in part is not
 * run.
 *
 * $0 the last line; then the words of the script.
 */
export const LOADER = withReservedNames(`echo "$0 ready" >&2;${LOAD}`);

/**
 * The same at a terminal, which must neither show the script nor understand it. Says `ready` when it is so. A terminal does
 * not end when nobody is there any more: who hears nothing for 25 s ends by itself. dash has no `read -t`, and takes the
 * terminal's own limit for the end; bash and busybox do not.
 */
export const TERMINAL_LOADER = withReservedNames(
  'plx_t=$(stty -g 2>/dev/null)&&stty raw -echo min 0 time 250 2>/dev/null||{ echo "$0 no-stty";exit 125;};' +
    `(read -t 1 plx_l </dev/null) 2>/dev/null;[ $? = 1 ]&&plx_r="-t 25";echo "$0 ready";${LOAD}`,
);

/** What a {@link launcher} is made for. */
export interface Launch {
  readonly execId: string;
  readonly timerSlack: number;
  /** Variables for the run script, quoted. */
  readonly carriers: readonly string[];
  readonly workdir: string;
  /** Of the user that it is to run as; absent: of the container's own. */
  readonly user?: { readonly home: string; readonly name: string; readonly shell: string } | undefined;
  /** Words before the command's shell that change the user, quoted. */
  readonly prefix: readonly string[];
  readonly isLogin: boolean;
  readonly hasInput: boolean;
  readonly terminal: { readonly type: string; readonly columns: number; readonly rows: number } | undefined;
  /** The script that becomes the command. */
  readonly runScript: string;
  /** The prefix of the variables that it takes the environment from. */
  readonly carrierPrefix: string;
}

/**
 * The script that starts a command, and says so on standard error (at a terminal, on that): its id and the message of
 * the run script. Without a terminal it stays the command's
 * parent: when that has ended, it says `ID exit CODE` there, also when a child of the command keeps the output open, for
 * which the server waits.
 *
 * The container's own environment stays what it is; what it lacks of a login's is added.
 */
export function launcher(launch: Launch): string {
  const { terminal, user, prefix } = launch;
  // As they are: what a user has written may look like a name of ours.
  const values = {
    work: launch.workdir,
    type: terminal?.type ?? '',
    ...(user === undefined ? {} : { home: user.home, user: user.name, shell: user.shell }),
  };
  const data = [
    ...Object.entries(values).map(([name, value]) => `${OWN}${name}=${quoted(value)}`),
    `${OWN}run=${quoted(launch.runScript)}`,
    `${OWN}variables() { :`,
    ...launch.carriers.map((carrier) => `${OWN}carry ${carrier}`),
    '}',
    `${OWN}become() { ${prefix.length === 0 ? ':' : `exec ${prefix.join(' ')} /bin/sh -c "$${OWN}run" "$0" "$@"`}; }`,
  ].join('\n');
  return `${data}\n${withReservedNames(launcherOf(launch))}`;
}

function launcherOf({ terminal, user, prefix, carrierPrefix, isLogin, hasInput, timerSlack, execId }: Launch): string {
  const starts = `
plx_n=0
plx_carry() { export "${carrierPrefix}$plx_n=$1"; plx_n=$((plx_n + 1)); }
for plx_a in ${user === undefined ? 'PATH LANG HOME USER' : 'PATH LANG'}; do
  if eval "[ \\"\\\${$plx_a+x}\\" ]"; then eval "plx_carry \\"$plx_a=\\$$plx_a\\""; fi
done
plx_variables
export container="\${container:-kubernetes}"
${hasInput || terminal !== undefined ? '' : 'exec </dev/null'}
set -- ${execId} "$plx_work" "$plx_home" "$plx_user" "${isLogin ? '$plx_shell' : ''}" "$plx_type" "$@"
${prefix.length === 0 ? 'eval "$plx_run"' : 'plx_become "$@"'}
`;
  return `
unset plx_l plx_s plx_r
${terminal === undefined ? '' : `stty "$plx_t"; stty rows ${terminal.rows} cols ${terminal.columns}`}
${
  // What a shell says of a child that was killed is not the command's.
  terminal === undefined ? 'exec 3>&2 2>/dev/null' : 'exec 3>&1'
}
printf '%s ' "$0" >&3
{ echo ${timerSlack} >/proc/self/timerslack_ns; } 2>/dev/null
${user === undefined ? OWN_USER : ''}
export PATH
${
  terminal === undefined
    ? `trap : HUP INT QUIT TERM USR1 USR2 PIPE
(exec 2>&3
${starts})
plx_code=$?
printf '%s exit %s\\n' "$0" "$plx_code" >&3
${hasInput ? DRAIN : ''}
exit "$plx_code"`
    : starts
}
`;
}

/**
 * Reads the input that the command has left, until we end it, who have just been told. A server that closes a connection on
 * which input still comes resets it, and what it said last, the status, is lost on the way.
 */
const DRAIN = 'cat >/dev/null 2>&1 || while read -r plx_l; do :; done';

/** Finds home, name and login shell of the container's own user; for root the run script does. */
const OWN_USER = `
plx_uid=0
if [ -r /proc/self/status ]; then
  while read -r plx_a plx_b plx_c; do
    if [ "$plx_a" = Uid: ]; then plx_uid=$plx_b; break; fi
  done </proc/self/status
fi
plx_home= plx_user= plx_shell=login
if [ "$plx_uid" != 0 ]; then
  plx_home=/ plx_shell=/bin/sh
  if [ -f /etc/passwd ] && [ -r /etc/passwd ]; then
    while IFS=: read -r plx_a plx_b plx_c plx_d plx_e plx_f plx_g || [ -n "$plx_a" ]; do
      if [ "$plx_c" = "$plx_uid" ]; then plx_user=$plx_a plx_home=\${plx_f:-/} plx_shell=\${plx_g:-/bin/sh}; break; fi
    done </etc/passwd
  fi
fi
`;

/** The script that looks a user up, and says on standard output what it finds. */
export function lookup(script: string): string {
  return `exec 3>&1 </dev/null\n${script}`;
}

/** What the {@link guardScript} is told, a line each. */
export const GUARD = { watch: 'W', kill: 'K', signal: 'S', quit: 'Q' } as const;

/** What it says: that it sees the command's loader; that it does not; that nothing is left; that something is. */
export const GUARD_SAYS = { ready: 'R', blind: 'B', done: 'D', left: 'L' } as const;

/**
 * Watches over a command from beside it. When its standard input ends, nobody is there any more, and it ends the command's
 * processes. They are found by the execution's id in their environment or in the words of the launcher, by the timer slack
 * where that may be read, by the pipes that were made for the execution, and by descent from all these.
 *
 * @param prefix words, quoted, that make a program one of the command's user, who may see what we may not; or none.
 */
export function guardScript(execId: string, timerSlack: number, prefix: readonly string[]): string {
  // So written, what looks for it does not find itself.
  const pattern = `[${execId.slice(0, 1)}]${execId.slice(1)}`;
  // As it is: a user's name may look like one of ours.
  const data = `${OWN}theirs() { ${prefix.length === 0 ? ':' : `${prefix.join(' ')} "$@" 2>/dev/null`}; }`;
  return `${data}\n${withReservedNames(`
unset plx_l plx_s
trap '' HUP INT QUIT TERM PIPE
plx_pids() { for plx_a do plx_a=\${plx_a#/proc/}; printf '%s ' "\${plx_a%/*}"; done; }
plx_files() {
  grep -ls "$@" 2>/dev/null
  plx_theirs grep -ls "$@"
}
plx_scan='for plx_f in /proc/[0-9]*/fd/[012]; do
  if [ "$plx_f" -ef /proc/self/fd/8 ] || [ "$plx_f" -ef /proc/self/fd/9 ]; then echo "\${plx_f%/fd/*}/"; fi
done'
plx_held=
# The launcher ends with the command: the pipes that it was given are looked at as long as it is there. To open them for
# reading takes nothing out of them, and keeps nobody waiting for their end. Standard error is its third in the end.
plx_hold() {
  [ -z "$plx_held" ] || return 0
  for plx_w in $plx_launchers; do
    for plx_f in 3 2; do
      # Not what leads elsewhere: to /dev/null, or to where others write too.
      [ -p "/proc/$plx_w/fd/1" ] && [ -p "/proc/$plx_w/fd/$plx_f" ] || continue
      (: <"/proc/$plx_w/fd/1" && : <"/proc/$plx_w/fd/$plx_f") 2>/dev/null || continue
      exec 8<"/proc/$plx_w/fd/1" 9<"/proc/$plx_w/fd/$plx_f"
      plx_held=1
      return 0
    done
  done
}
plx_look() { plx_launchers=" $(plx_pids $(plx_files -e '${pattern}' /proc/[0-9]*/cmdline))"; }
plx_watch() {
  command -v grep >/dev/null 2>&1 && [ -r /proc/self/stat ] || return 1
  plx_look
  [ "$plx_launchers" != ' ' ] || return 1
  plx_hold
  return 0
}
plx_kept=
plx_members() {
  plx_list= plx_born=
  for plx_f in /proc/[0-9]*/stat; do
    { read -r plx_l <"$plx_f"; } 2>/dev/null || continue
    plx_p=\${plx_f#/proc/}
    plx_p=\${plx_p%/stat}
    set -- \${plx_l##*) }
    case $1 in Z|X) ;; *) plx_list="$plx_list $plx_p:$2:$3:$4" plx_born="$plx_born $plx_p:\${20}" ;; esac
  done
  plx_look
  plx_seeds="$plx_launchers$(plx_pids $(plx_files -e '${TAG_VARIABLE}=${pattern}' /proc/[0-9]*/environ))"
  plx_others=" $(plx_pids $(plx_files -e '${TAG_VARIABLE}=' /proc/[0-9]*/environ))"
  for plx_p in $(plx_pids $(plx_files -x -e ${timerSlack} /proc/[0-9]*/timerslack_ns)); do
    case $plx_others in *" $plx_p "*) ;; *) plx_seeds="$plx_seeds$plx_p " ;; esac
  done
  plx_hold
  if [ -n "$plx_held" ]; then plx_seeds="$plx_seeds$(plx_pids $(eval "$plx_scan"; plx_theirs /bin/sh -c "$plx_scan"))"; fi
  for plx_l in $plx_born; do
    case $plx_kept in *" $plx_l "*) plx_seeds="$plx_seeds\${plx_l%%:*} " ;; esac
  done
  plx_found=' ' plx_grows=1
  while [ -n "$plx_grows" ]; do
    plx_grows=
    for plx_l in $plx_list; do
      plx_p=\${plx_l%%:*} plx_l=\${plx_l#*:}
      case $plx_found in *" $plx_p "*) continue ;; esac
      case $plx_seeds$plx_found in *" $plx_p "*|*" \${plx_l%%:*} "*) plx_found="$plx_found$plx_p " plx_grows=1 ;; esac
    done
  done
}
plx_kill() {
  plx_n=0
  while plx_members; [ "$plx_found" != ' ' ]; do
    if [ $plx_n -ge 100 ]; then return 1; fi
    # Stopped first: no shell among them is to write what became of its child.
    kill -s STOP $plx_found 2>/dev/null
    kill -s KILL $plx_found 2>/dev/null
    plx_n=$((plx_n + 1))
    sleep 0.05 2>/dev/null || { sleep 1; plx_n=$((plx_n + 19)); }
  done
}
# Who is one of them now is so also when the signal has taken away its parent. A number that is given to another has
# another time of birth.
plx_keep() {
  for plx_l in $plx_born; do
    case $plx_kept in *" $plx_l "*) continue ;; esac
    case $plx_found in *" \${plx_l%%:*} "*) plx_kept="$plx_kept $plx_l " ;; esac
  done
}
plx_signal() {
  plx_members
  plx_keep
  plx_leader= plx_command=
  for plx_l in $plx_list; do
    plx_p=\${plx_l%%:*}
    case $plx_found in *" $plx_p "*) ;; *) continue ;; esac
    case $plx_l in *":$plx_p") ;; *) continue ;; esac
    # Who was started by one of them has a session of its own, and may have lost its parent: the first one is meant.
    plx_l=\${plx_l#*:}
    case $plx_found in *" \${plx_l%%:*} "*) continue ;; esac
    case $plx_launchers in *" $plx_p "*) plx_leader=$plx_p; break ;; esac
    [ -n "$plx_leader" ] && [ "$plx_leader" -lt "$plx_p" ] || plx_leader=$plx_p
  done
  [ -n "$plx_leader" ] || return 0
  case $1 in HUP|INT|QUIT|TERM) kill -s "$1" "-$plx_leader" 2>/dev/null || kill -s "$1" -- "-$plx_leader"; return ;; esac
  case $plx_launchers in *" $plx_leader "*) ;; *) plx_command=$plx_leader ;; esac
  if [ -z "$plx_command" ]; then
    for plx_l in $plx_list; do
      case $plx_l in *":$plx_leader:$plx_leader:$plx_leader") plx_command="$plx_command \${plx_l%%:*}" ;; esac
    done
  fi
  [ -n "$plx_command" ] && kill -s "$1" $plx_command
}
while read -r plx_word plx_name; do
  case $plx_word in
    ${GUARD.watch}) if plx_watch; then echo ${GUARD_SAYS.ready}; else echo ${GUARD_SAYS.blind}; fi ;;
    ${GUARD.kill}) if plx_kill; then echo ${GUARD_SAYS.done}; else echo ${GUARD_SAYS.left}; fi ;;
    ${GUARD.signal}) plx_signal "$plx_name" 2>/dev/null ;;
    ${GUARD.quit}) exit 0 ;;
  esac
done
plx_kill
`)}`;
}

/** A word as a shell reads it back. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function withReservedNames(script: string): string {
  return script.replaceAll('plx_', OWN);
}
