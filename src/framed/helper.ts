/**
 * The program that a shell in a container becomes for us while we use its terminal: POSIX sh (busybox ash, dash, bash)
 * and a few small programs. It is typed into the terminal, never written to a disk, and holds nothing of a request.
 *
 * What it says to us are lines, each with the session's tag, the number of the command, who of its processes says it,
 * that one's running number, a kind, a payload and a digest over all of it and a key. What we say to it are lines too:
 * digest, kind and payload, numbered likewise. A line that is not as it must be ends it: the terminal is shared, and a
 * wrong byte must never pass for a right one.
 *
 * Its processes: the first shell waits, cleans up and gives the terminal back; below it one reads our lines, and for a
 * command one more does (so that each command begins anew), beside one for its standard input, one for each of its
 * output streams, one for its messages and one that waits for it. A pipe that holds one newline is the lock under which
 * they speak. Pipes without a name on a disk come of opening /proc/self/fd/0 for both directions.
 *
 * Our lines reach the readers through a pipe that `dd` fills from the terminal: bash reads ahead on a terminal, and
 * what it has read is not there for the next reader. On a pipe every shell takes a line and no more. (With busybox's `cat`
 * nobody could read: it uses sendfile(2), under which the pipe is locked until something is typed.)
 *
 * Nothing between the loader and a command is started by `&`: a shell without job control has that ignore SIGINT and
 * SIGQUIT, and in dash and busybox ash no trap undoes it. So the command's parent waits for it at once, and must have let
 * go of its input before, else what writes there would wait for a reader that is none: another process holds the input
 * until the command has it.
 *
 * Before it ends a command because it was disturbed or hears nothing, it takes the lock for good: the end of that
 * command is not told as if the command had come to it by itself.
 *
 * Descriptors: 3 messages of the command's script, 4 its standard error, 5 the lock, 6 input for the command, 7 the
 * reader of the messages, 8 the terminal, 9 our lines (in the first shell: the terminal).
 */

/** The programs in the container that it cannot do without. */
export const NEEDED_TOOLS = ['stty', 'dd', 'tr', 'sha256sum', 'setsid', 'sleep', 'env', 'id'] as const;

/** Of these it needs one: they make text of bytes. */
export const ENCODERS = ['base64', 'od'] as const;

/** Marks the helper's own processes in their environment. */
export const HELPER_VARIABLE = 'PROXMOX_LXCRI_HELPER';

/** The container's standard path, as `lxc-attach --clear-env` has it. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the helper is told before it starts. */
export interface HelperSettings {
  /** On every line that it says; eight hexadecimal digits. */
  readonly tag: string;
  /** Part of every digest; never shown on the terminal. */
  readonly key: string;
  readonly encoder: (typeof ENCODERS)[number];
  /** After how many seconds without a word from us it ends what it runs, and itself. */
  readonly silenceSeconds: number;
  /** A shell that began no longer ago than this, in hundredths of a second, was started for us, and is ended after us. */
  readonly youngTicks: number;
  /** The name of the environment variable that marks a command's processes. */
  readonly commandTag: string;
}

/** The helper's text. The loader has left: `o`, the terminal's settings; descriptor 9, the terminal. */
export function helperProgram(settings: HelperSettings): string {
  const encode = settings.encoder === 'base64' ? "base64 | tr -d '\\n'" : "od -An -v -tx1 | tr -d ' \\n'";
  // Without base64 our own notation is read, which is longer, by what every shell has built in.
  const decode = settings.encoder === 'base64' ? 'printf %s "$1" | base64 -d' : 'printf -- "$1"';
  return `
exec 8>&1 </dev/null >/dev/null 2>&1
trap : HUP
cd /
T=${settings.tag} K=${settings.key} c=0 q=
enc() { ${encode}; }
decode() { ${decode}; }
say() {
  f="$T $c $W $n $1 $2"
  h=$(printf %s "$K $f" | sha256sum)
  read -r g <&5
  printf '%s %s\\n' "$f" "\${h%% *}" >&8
  echo >&5
  n=$((n + 1))
}
take() {
  IFS= read -r l <&9 || return 1
  h=\${l%% *} l=\${l#* }
  x=$(printf %s "$K $c $i $l" | sha256sum)
  [ "\${x%% *}" = "$h" ] || return 1
  i=$((i + 1))
}
guard() {
  read -r m x </proc/self/stat
  ( n=0
    while [ $n -lt ${settings.silenceSeconds} ]; do sleep 1; n=$((n + 1)); done
    kill -9 "$m" $v ) &
  w=$!
}
listen() {
  guard
  while take; do
    case $l in
      D*) printf '%s\\n' "\${l#D}" >&6 ;;
      E*) eval "$(printf -- "\${l#E}")" ;;
    esac
    if [ "$q" ]; then break; fi
  done
  kill -9 "$w"
  [ "$q" ]
}
marked() {
  case $(tr '\\000' '\\n' <"$1/environ") in "$2" | "$2
"* | *"
$2" | *"
$2
"*) return 0 ;; esac
  return 1
}
stat() {
  x=
  read -r x <"$1/stat" || [ "$x" ] || return 1
  set -- \${x##*") "}
  st=$1 pp=$2 pg=$3 ss=$4
  shift 19
  sb=$1
}
find_tree() {
  found=' '
  more=1
  while [ "$more" ]; do
    more=
    for d in /proc/[0-9]*; do
      y=\${d#/proc/}
      case $found in *" $y "*) continue ;; esac
      stat "$d" || continue
      case $st in Z | X) continue ;; esac
      [ "$sb" -ge "$born" ] || continue
      case $found in
        *" $pp "*) ;;
        *) [ "$y" = "$p" ] || [ "$ss" = "$p" ] || marked "$d" "${settings.commandTag}=$t" || continue ;;
      esac
      found="$found$y " more=1
    done
  done
}
end_tree() {
  r=0
  while [ $r -lt 100 ]; do
    find_tree
    if [ "$found" = ' ' ]; then return 0; fi
    kill -9 $found
    r=$((r + 1))
    if [ $r -gt 5 ]; then sleep 1; fi
    if [ $r -gt 15 ]; then return 1; fi
  done
}
kill_tree() { ( W=$1 n=0; if end_tree; then say K 1; else say K 0; fi ) & }
end_output() { (
  while kill -USR1 "$1"; do
    l=' '
    for d in /proc/[0-9]*; do if stat "$d" && [ "$pp" = "$1" ]; then l="$l\${d#/proc/} "; fi; done
    for d in /proc/[0-9]*; do
      stat "$d" || continue
      case $l in *" $pp "*) kill -9 "\${d#/proc/}" ;; esac
    done
    kill -9 $l
    sleep 1
  done ) & }
end_input() { ( read -r g <&5; kill -9 "$1"; echo >&5 ) & }
signal() { kill -s "$1" -- "-$p" || kill -s "$1" "$p"; }
input() {
  trap '' PIPE
  W=I n=0 z=
  read -r m x </proc/self/stat
  say I "$m"
  while IFS= read -r l <&6; do
    case $l in .*) break ;; esac
    if [ -z "$z" ]; then
      if decode "\${l#:}"; then say A; else z=1; say C; exec >/dev/null; fi
    fi
  done
}
output() {
  trap z=1 USR1
  W=$1 n=0 z=
  read -r m x </proc/self/stat
  say I "$m"
  while [ -z "$z" ]; do
    b=$(${HELPER_VARIABLE}=$T.$W dd bs=24576 count=1 | enc)
    [ "$b" ] || break
    say D "$b"
  done
  exec </dev/null
  say .
}
messages() {
  W=M n=0
  while IFS= read -r l; do
    if [ "$l" = . ]; then break; fi
    say D "$(printf %s "$l" | enc)"
  done
  say .
}
command_() {
  W=C n=1
  k=
  if [ "$s" ]; then
    exec 3<&0
    sleep 60 >/dev/null 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    k=$!
  fi
  exec </dev/null 3</dev/null
  ( n=0
    read -r m x </proc/self/stat
    say P "$m"
    if [ "$k" ]; then exec <"/proc/$k/fd/3"; kill -9 "$k"; fi
    unset ${HELPER_VARIABLE}
    environment
    exec 2>&4 3>&7 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    exec setsid "$@" )
  r=$?
  exec >/dev/null 4>/dev/null
  echo . >&6
  echo . >&7
  say X "$r"
}
run() {
  p=none
  kill -9 "$w"
  : | {
    exec 6<>/proc/self/fd/0 </dev/null
    i=0
    read -r v x </proc/self/stat
    { { { input 4>&- 7>&- | command_ "$@"; } | output O >&8 4>&- 7>&-; } 4>&1 | output E >&8 7>&-; } 7>&1 |
      messages >/dev/null | {
        exec </dev/null
        if listen; then exit 0; fi
        read -r g <&5
        end_tree
        kill -TERM "$v"
      }
  }
}
run_and_return() {
  c=$1
  shift
  run "$@"
  r=$?
  if [ $r != 0 ]; then
    [ $r = 143 ] || read -r g <&5
    end_tree
    exit 1
  fi
  W=R n=0
  say .
  c=0
  guard
}
young= v=
stat "/proc/$$"
born=$sb own=$pg
if stat "/proc/$PPID" && [ $((born - sb)) -le ${settings.youngTicks} ]; then young=1; fi
marked /proc/1 container=lxc && lxc=1 || lxc=0
{ read -r m x </proc/self/stat; echo "$m"; exec dd bs=4096 <&9 8>&- 9>&-; } | {
  exec 9<&0 </dev/null
  read -r feeder <&9
  : | {
    exec 5<>/proc/self/fd/0 </dev/null
    echo >&5
    i=0
    W=R n=0
    say H "$(id -u) $pp $lxc \${young:-0}"
    listen
  }
  kill -9 "$feeder"
}
for d in /proc/[0-9]*; do
  case \${d#/proc/} in $$ | "$PPID") continue ;; esac
  stat "$d" && [ "$pg" = "$own" ] || continue
  for y in "$T" "$T.O" "$T.E"; do
    if marked "$d" "${HELPER_VARIABLE}=$y"; then kill -9 "\${d#/proc/}"; fi
  done
done
stty "$o" <&9
if [ "$young" ]; then kill -9 "$PPID"; fi
exit 0
`;
}
