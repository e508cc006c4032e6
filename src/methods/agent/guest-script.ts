import { TAG_VARIABLE } from '../../process/tree.ts';

/**
 * The scripts that run in a virtual machine, in its own /bin/sh. They hold nothing of the request: its words come as
 * arguments, written so that nothing on the way there can alter them, and secrets on standard input.
 */

/** What programs are looked for in, and what a login has unless the guest says otherwise. */
export const GUEST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Marks what passes the output on: it must outlive the command, and is no part of its tree. */
const RELAY_VARIABLE = 'PROXMOX_LXCRI_RELAY_ID';

/** A session of its own, where there is the tool for it, so that its signals reach the command's group and no other. */
export const SESSION_SCRIPT = `if command -v setsid >/dev/null 2>&1; then exec setsid /bin/sh -c "$@"; fi; exec /bin/sh -c "$@"`;

/**
 * Makes the words, takes the environment from the first line of standard input, and becomes what the words say, with what
 * `$1` says to us on descriptor 3: the agent's own pipe for standard error. The execution's id goes before it.
 *
 * The agent calls a command ended only when nobody holds its output any more. So the command writes to pipes of ours, and
 * what passes them on can be ended when a daemon keeps them. That they have names lasts for some milliseconds.
 *
 * $1 a script for the words to name as $PROXMOX_LXCRI_S_run, $2 execution id, $3 timer slack, $4 "env" where standard
 * input begins with a line of environment, $5 "relay" for output that may be held; then pieces of the words' text.
 */
export const LAUNCH_SCRIPT = withReservedNames(String.raw`
plx_run=$1 plx_id=$2 plx_slack=$3 plx_env=$4 plx_relay=$5
shift 5
plx_text=
for plx_a do plx_text=$plx_text$plx_a; done
plx_decode() { printf "$(printf %s "$1" | tr '~' '\\')"; }
plx_ok=1
if [ "$plx_env" = env ]; then
  plx_ok=
  IFS= read -r plx_a
  eval "$(plx_decode "$plx_a")"
fi
set --
eval "$(plx_decode "$plx_text")"
if [ -z "$plx_ok" ] || [ $# = 0 ]; then exit 125; fi
cd /
exec 3>&2
if [ "$plx_relay" = relay ]; then
  for plx_a in /dev/shm /run /tmp; do
    plx_dir=$(umask 077; mktemp -d "$plx_a/proxmox-lxcri.XXXXXXXXXX" 2>/dev/null) && break
    plx_dir=
  done
  if [ -n "$plx_dir" ]; then
    if mkfifo -m 666 "$plx_dir/o" "$plx_dir/e" 2>/dev/null; then
      plx_a=
      if command -v setsid >/dev/null 2>&1; then plx_a=setsid; fi
      (env -i "PATH=$PATH" "${RELAY_VARIABLE}=$plx_id" $plx_a cat <"$plx_dir/o" 2>/dev/null 3>&- &)
      (env -i "PATH=$PATH" "${RELAY_VARIABLE}=$plx_id" $plx_a cat <"$plx_dir/e" >&2 2>/dev/null 3>&- &)
      exec >"$plx_dir/o" 2>"$plx_dir/e"
    fi
    rm -r "$plx_dir"
  fi
fi
{ echo "$plx_slack" >/proc/self/timerslack_ns; } 2>/dev/null
printf '%s ' "$plx_id" >&3
exec "$@"
`);

/** What {@link CONTROL_SCRIPT} exits with. */
export const CONTROL_EXIT = {
  /** Nothing is left, or the command has ended and nothing holds its output any more. */
  done: 0,
  /** Processes are left; or the command still runs. */
  left: 3,
} as const;

/** What {@link CONTROL_SCRIPT} prints where it has let go of output that was still held: that output is cut. */
export const LET_GO = 'let go';

/**
 * Acts on the processes of an execution from outside. They are found as the watchdog finds them on this host, by the
 * environment tag and the timer slack, and by descent from these; the slack counts only without another execution's tag.
 *
 * $1 what: KILL ends all of them, END too if the command itself has ended, LOOK lets go of the output of a command that
 * has ended, and any other signal is for the command's group (HUP, INT, QUIT, TERM) or the command alone; $2 the command's process id, or 0 when it is not known
 * (any more); $3 execution id, $4 timer slack.
 */
export const CONTROL_SCRIPT = withReservedNames(String.raw`
plx_what=$1 plx_pid=$2 plx_group=$2 plx_id=$3 plx_slack=$4
plx_pids() { for plx_a do plx_a=${'$'}{plx_a#/proc/}; printf '%s ' "${'$'}{plx_a%/*}"; done; }
plx_holders() { plx_pids $(grep -ls -e "$1" /proc/[0-9]*/environ 2>/dev/null); }
plx_members() {
  plx_tagged=" $(plx_holders "${TAG_VARIABLE}=$plx_id")"
  plx_others=" $(plx_holders "${TAG_VARIABLE}=")"
  for plx_p in $(plx_pids $(grep -lsx -e "$plx_slack" /proc/[0-9]*/timerslack_ns 2>/dev/null)); do
    case $plx_others in *" $plx_p "*) ;; *) plx_tagged="$plx_tagged$plx_p " ;; esac
  done
  plx_list=
  for plx_f in /proc/[0-9]*/stat; do
    { read -r plx_l <"$plx_f"; } 2>/dev/null || continue
    plx_p=${'$'}{plx_f#/proc/}
    set -- ${'$'}{plx_l##*) }
    case $1 in Z|X) ;; *) plx_list="$plx_list ${'$'}{plx_p%/stat}:$2:$3" ;; esac
  done
  plx_found=' ' plx_grows=1
  while [ -n "$plx_grows" ]; do
    plx_grows=
    for plx_l in $plx_list; do
      plx_p=${'$'}{plx_l%%:*} plx_l=${'$'}{plx_l#*:}
      case $plx_found in *" $plx_p "*) continue ;; esac
      case $plx_tagged$plx_found in *" $plx_p "*|*" ${'$'}{plx_l%%:*} "*) plx_found="$plx_found$plx_p " plx_grows=1 ;; esac
    done
  done
}
plx_relays() { plx_holders "${RELAY_VARIABLE}=$plx_id"; }
plx_let_go() {
  plx_cut=
  for plx_a in $(plx_relays); do kill -s KILL "$plx_a" 2>/dev/null && plx_cut=1; done
  if [ -n "$plx_cut" ]; then echo '${LET_GO}'; fi
}
case $plx_what in LOOK|END)
  plx_members
  case $plx_found in *" $plx_pid "*) exit ${CONTROL_EXIT.left} ;; esac ;;
esac
case $plx_what in
KILL|END)
  plx_n=0
  while plx_members; [ "$plx_found" != ' ' ]; do
    if [ $plx_n -ge 100 ]; then plx_let_go; exit ${CONTROL_EXIT.left}; fi
    # Stopped first: no shell among them is to write what became of its child.
    kill -s STOP $plx_found 2>/dev/null
    kill -s KILL $plx_found 2>/dev/null
    plx_n=$((plx_n + 1))
    sleep 0.05 2>/dev/null || { sleep 1; plx_n=$((plx_n + 19)); }
  done
  exit ${CONTROL_EXIT.done} ;;
LOOK)
  if [ -n "$(plx_relays)" ]; then sleep 1; plx_let_go; fi
  exit ${CONTROL_EXIT.done} ;;
esac
plx_members
case $plx_found in *" $plx_pid "*) ;; *) plx_pid= ;; esac
case $plx_what in HUP|INT|QUIT|TERM)
  for plx_l in $plx_list; do
    case $plx_l in *":$plx_group") case $plx_found in *" ${'$'}{plx_l%%:*} "*) kill -s "$plx_what" "-$plx_group" 2>/dev/null || kill -s "$plx_what" -- "-$plx_group"; exit ;; esac ;; esac
  done ;;
esac
[ -n "$plx_pid" ] && kill -s "$plx_what" "$plx_pid"
`);

function withReservedNames(script: string): string {
  return script.replaceAll('plx_', 'PROXMOX_LXCRI_S_');
}
