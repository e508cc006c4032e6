import { TAG_VARIABLE } from '../../process/tree.ts';

/**
 * The scripts that run inside the container before the command does, in the container's own /bin/sh (dash, busybox ash
 * or bash). They hold nothing of the request: words come as arguments and secrets as environment, so that a process
 * list shows no secret. They speak to us on descriptor 3, a line a message; the container can lie on it, so every
 * message is checked by its reader, and it decides only over the container itself.
 */

/** Carries `KEY=VALUE` number i into the container under a name that means nothing to any program on the way. */
export const CARRIER_PREFIX = 'PROXMOX_LXCRI_ENV_';

/** Messages of {@link RUN_SCRIPT} on descriptor 3. */
export const RUN_MESSAGES = [
  'started',
  'not-found',
  'not-executable',
  'workdir-missing',
  'workdir-denied',
  'env-refused',
] as const;

/**
 * Sets the file mode mask and the environment a login would have, then the user's; changes the directory; finds the command, so that "no such
 * command" is told from a command that exits with 127; says `started`, and becomes the command.
 *
 * $1 execution id, $2 working directory or "", $3 home, $4 user name ("" for both: those of uid 0), $5 "login" for the
 * login shell of uid 0, or the login shell to start, or "", $6 terminal type or ""; then the command.
 *
 * What the user sets is exported last: it may hold IFS or PATH. Names that bash keeps read-only are tried in a subshell first, because such an assignment ends the shell.
 */
export const RUN_SCRIPT = withReservedNames(`
plx_say() { printf '%s\\n' "$*" >&3; }
unset IFS ENV CDPATH
umask 022
plx_work=$2 plx_home=$3 plx_user=$4 plx_login=$5
unset TERM
if [ -n "$6" ]; then export TERM="$6"; fi
export ${TAG_VARIABLE}="$1"
shift 6
plx_shell=/bin/sh
if [ -z "$plx_home" ]; then
  plx_user=root plx_home=/root
  if [ -f /etc/passwd ] && [ -r /etc/passwd ]; then
    while IFS=: read -r plx_a plx_b plx_c plx_d plx_e plx_f plx_g || [ -n "$plx_a" ]; do
      if [ "$plx_c" = 0 ]; then plx_user=$plx_a plx_home=\${plx_f:-/} plx_shell=\${plx_g:-/bin/sh}; break; fi
    done 2>/dev/null </etc/passwd
  fi
fi
plx_lang=C.UTF-8
for plx_a in /etc/locale.conf /etc/default/locale /etc/environment; do
  if [ -f "$plx_a" ] && [ -r "$plx_a" ]; then
    while read -r plx_b || [ -n "$plx_b" ]; do
      plx_c=\${plx_b#*=} plx_c=\${plx_c#[\\"\\']} plx_c=\${plx_c%[\\"\\']}
      case $plx_b in
        LANG=?*) case $plx_c in *[!A-Za-z0-9_.@-]*) ;; *) if [ \${#plx_c} -le 64 ]; then plx_lang=$plx_c; fi ;; esac ;;
        PATH=/*|PATH=[\\"\\']/*) if [ "$plx_a" = /etc/environment ] && [ \${#plx_c} -le 4096 ]; then export PATH="$plx_c"; fi ;;
      esac
    done 2>/dev/null <"$plx_a"
  fi
done
if [ -n "$plx_login" ]; then
  if [ "$plx_login" != login ]; then plx_shell=$plx_login; fi
  set -- "$plx_shell" -l
fi
export HOME="$plx_home" USER="$plx_user"
if [ -z "\${plx_machine-}" ]; then export container="\${container:-lxc}"; fi
export LANG="$plx_lang" 2>/dev/null
if [ -n "$plx_work" ]; then
  if ! cd -- "$plx_work" >/dev/null 2>&1; then
    if [ -d "$plx_work" ]; then plx_say workdir-denied; else plx_say workdir-missing; fi
    exit 125
  fi
fi
unset PWD OLDPWD SHLVL
plx_export() {
  plx_i=0
  while eval "plx_a=\\\${${CARRIER_PREFIX}$plx_i-}" && [ -n "$plx_a" ]; do
    "$@"
    plx_i=$((plx_i + 1))
  done
}
plx_set() { unset "${CARRIER_PREFIX}$plx_i"; export "$plx_a" 2>/dev/null; }
plx_check() {
  export "$plx_a" || exit 1
  eval "plx_b=\\$\${plx_a%%=*}"
  [ "$plx_b" = "\${plx_a#*=}" ] || exit 1
  case $plx_a in SHLVL=*) [ -z "$plx_bash" ] || exit 1 ;; esac
}
plx_try() { if ! (plx_check) 2>/dev/null; then plx_say env-refused "\${plx_a%%=*}"; exit 125; fi; }
plx_bash=\${BASH_VERSION-}
if ! (plx_export plx_check) 2>/dev/null; then plx_export plx_try; fi
plx_export plx_set
plx_f=
plx_a=not-found
case $1 in
  */*)
    if [ -f "$1" ] && [ -x "$1" ]; then plx_f=$1; elif [ -e "$1" ]; then plx_a=not-executable; fi ;;
  ?*)
    plx_b=$PATH:
    while [ -n "$plx_b" ]; do
      plx_c=\${plx_b%%:*} plx_b=\${plx_b#*:}
      plx_c=\${plx_c:-.}/$1
      if [ -f "$plx_c" ]; then
        if [ -x "$plx_c" ]; then plx_f=$plx_c; break; fi
        plx_a=not-executable
      fi
    done ;;
esac
if [ -z "$plx_f" ]; then plx_say "$plx_a"; exit 127; fi
case $1 in -*) shift; set -- "$plx_f" "$@" ;; esac
plx_say started
exec "$@" 3>&-
`);

/** The same for a virtual machine, whose programs are not told that they are in a container. */
export const RUN_SCRIPT_OF_MACHINE = withReservedNames('plx_machine=1') + RUN_SCRIPT;

/**
 * Looks up a user and a group where they are known: inside the container. Prints `key=value` lines on descriptor 3:
 * uid, gid, name, home, shell, groups, and the tool here that can set supplementary groups; or `missing=` or `unmapped=`
 * with `user` or `group`.
 *
 * $1 user name or uid, $2 group name or gid or ""
 */
export const LOOKUP_SCRIPT = withReservedNames(`
plx_say() { printf '%s\\n' "$*" >&3; }
unset IFS ENV CDPATH
plx_has() { command -v "$1" >/dev/null 2>&1; }
plx_entry() {
  plx_line=
  if plx_has getent; then plx_line=$(getent "$1" "$2" </dev/null 2>/dev/null); fi
  if [ -z "$plx_line" ] && [ -f "/etc/$1" ] && [ -r "/etc/$1" ]; then
    while read -r plx_l || [ -n "$plx_l" ]; do
      plx_n=\${plx_l%%:*} plx_r=\${plx_l#*:*:}
      if [ "$plx_n" = "$2" ] || [ "\${plx_r%%:*}" = "$2" ]; then plx_line=$plx_l; break; fi
    done 2>/dev/null <"/etc/$1"
  fi
  [ -n "$plx_line" ]
}
plx_isnum() { case $1 in ''|*[!0-9]*) return 1 ;; esac; }
plx_field() { plx_v=$plx_line; plx_k=$1; while [ "$plx_k" -gt 1 ]; do plx_v=\${plx_v#*:}; plx_k=$((plx_k - 1)); done; plx_v=\${plx_v%%:*}; }
plx_name= plx_gid=0 plx_home=/ plx_shell=/bin/sh
if plx_entry passwd "$1"; then
  plx_field 1; plx_name=$plx_v
  plx_field 3; plx_uid=$plx_v
  plx_field 4; plx_gid=$plx_v
  plx_field 6; plx_home=\${plx_v:-/}
  plx_field 7; plx_shell=\${plx_v:-/bin/sh}
elif plx_isnum "$1"; then plx_uid=$1
else plx_say missing=user; exit 125
fi
plx_groups=
if [ -n "$plx_name" ]; then
  if plx_has id; then plx_groups=$(id -G "$plx_name" </dev/null 2>/dev/null); fi
  if [ -z "$plx_groups" ]; then
    plx_groups=$plx_gid
    if [ -f /etc/group ] && [ -r /etc/group ]; then
      while IFS=: read -r plx_a plx_b plx_c plx_d || [ -n "$plx_a" ]; do
        case ,$plx_d, in *,"$plx_name",*) plx_groups="$plx_groups $plx_c" ;; esac
      done 2>/dev/null </etc/group
    fi
  fi
fi
if [ -n "$2" ]; then
  if plx_entry group "$2"; then plx_field 3; plx_gid=$plx_v
  elif plx_isnum "$2"; then plx_gid=$2
  else plx_say missing=group; exit 125
  fi
fi
plx_mapped() {
  [ -r "/proc/self/$1" ] || return 0
  while read -r plx_a plx_b plx_c; do
    if [ "$2" -ge "$plx_a" ] && [ "$2" -lt $((plx_a + plx_c)) ]; then return 0; fi
  done 2>/dev/null <"/proc/self/$1"
  return 1
}
if ! plx_mapped uid_map "$plx_uid"; then plx_say unmapped=user; exit 125; fi
if ! plx_mapped gid_map "$plx_gid"; then plx_say unmapped=group; exit 125; fi
plx_tool=none
if plx_has setpriv && setpriv --help 2>&1 </dev/null | grep -q -e '--groups'; then plx_tool=setpriv
elif plx_has chroot && chroot --help 2>&1 </dev/null | grep -q -e '--userspec'; then plx_tool=chroot
elif plx_has su && su --help 2>&1 </dev/null | grep -q -i busybox; then plx_tool=busybox-su
fi
plx_say "uid=$plx_uid"
plx_say "gid=$plx_gid"
plx_say "name=$plx_name"
plx_say "home=$plx_home"
plx_say "shell=$plx_shell"
plx_say "groups=$plx_groups"
plx_say "tool=$plx_tool"
`);

/** The scripts' own variables, written plx_ here for legibility, get a prefix that users cannot set. */
function withReservedNames(script: string): string {
  return script.replaceAll('plx_', 'PROXMOX_LXCRI_S_');
}
