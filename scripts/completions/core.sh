# What bash and zsh have in common. zsh runs it as ksh would: arrays begin at 0, and words are split.

# $1: the word to complete, as far as it is typed; then the words before it, the program first. It sets
#   values, notes  what can stand there, and a few words about each
#   what           "files" or "variables", where the shell knows better
#   head           what of the word comes before the value, as in --context=
__proxmox_lxcri_find() {
  [ -z "${ZSH_VERSION-}" ] || emulate -L ksh
  local IFS=$' \t\n' typed=$1 verb='' word='' letters='' kind='' pending='' container='' context='' namespace='' ended='' count=0
  local flags=() flag_notes=() operands=() command=''
  values=() notes=() what='' head=''
  shift 2
  if [[ $# -eq 0 ]]; then
    __proxmox_lxcri_verbs ''
    return 0
  fi
  verb=$1
  shift
  if [[ $verb == help ]]; then
    [[ $# -gt 1 || $typed == -* ]] || __proxmox_lxcri_verbs "${1-}"
    return 0
  fi
  if [[ $# -gt 0 ]] && __proxmox_lxcri_command "$verb $1"; then
    verb="$verb $1"
    shift
  elif [[ $# -eq 0 && $typed != -* ]] && __proxmox_lxcri_verbs "$verb"; then
    return 0
  else
    __proxmox_lxcri_command "$verb" || return 0
  fi
  for word; do
    if [[ -n $pending ]]; then
      case $pending in
        --context) context=$word ;;
        --namespace | -n) namespace=$word ;;
      esac
      pending=''
      continue
    fi
    # After "--" a "/" keeps words from looking like flags.
    case $ended$word in
      --)
        [[ -z $command ]] || return 0
        ended=/
        ;;
      --context=*) context=${word#*=} ;;
      --namespace=*) namespace=${word#*=} ;;
      --*=*) ;;
      --*) ! __proxmox_lxcri_value "$verb $word" || pending=$word ;;
      -?*)
        letters=${word#-}
        while [[ -n $letters ]]; do
          word=-${letters:0:1}
          letters=${letters#?}
          if __proxmox_lxcri_value "$verb $word"; then
            [[ -n $letters ]] || pending=$word
            [[ $word != -n ]] || namespace=$letters
            break
          fi
        done
        ;;
      *)
        # From its first word on, all words are the command's.
        [[ -z $command || $count -lt ${#operands[@]} ]] || return 0
        [[ $count -gt 0 ]] || container=$word
        count=$((count + 1))
        ;;
    esac
  done
  if [[ -n $pending ]]; then
    __proxmox_lxcri_value "$verb $pending" && __proxmox_lxcri_offer "$typed"
  elif [[ $ended$typed == --*=* ]]; then
    head=${typed%%=*}=
    __proxmox_lxcri_value "$verb ${typed%%=*}" && __proxmox_lxcri_offer "${typed#*=}"
  elif [[ $ended$typed == -* ]]; then
    values=("${flags[@]}")
    notes=("${flag_notes[@]}")
  elif [[ $count -lt ${#operands[@]} ]]; then
    kind=${operands[$count]}
    __proxmox_lxcri_offer "$typed"
  fi
  return 0
}

# $1: the value, as far as it is typed. Reads kind, head, context, container and namespace.
__proxmox_lxcri_offer() {
  local word='' before=''
  case $kind in
    files | variables) what=$kind ;;
    one\ *)
      for word in ${kind#one }; do
        values+=("$head$word")
        notes+=('')
      done
      ;;
    list\ *)
      before=${1%"${1##*,}"}
      for word in ${kind#list }; do
        case ,$before in
          *",$word,"*) continue ;;
        esac
        values+=("$head$before$word")
        notes+=('')
      done
      ;;
    live\ *)
      # Nothing of what comes back is ever evaluated; what has other characters than these is nothing of ours.
      while IFS= read -r word; do
        before=${word%%$'\t'*}
        case $before in
          '' | *[!A-Za-z0-9_.:/@+-]*) continue ;;
        esac
        values+=("$head$before")
        notes+=("${word#"$before"$'\t'}")
      done < <(command proxmox-lxcri __complete "${kind#live }" "$1" "$context" "$container" "$namespace" </dev/null 2>/dev/null)
      ;;
  esac
}
