_proxmox-lxcri() {
  local -a values notes whole open
  local what head i entry none=1
  __proxmox_lxcri_find "${(Q)PREFIX}" "${(@Q)words[1,CURRENT-1]}"
  if [[ -n $what ]]; then
    [[ -z $head ]] || compset -P '*='
    if [[ $what == files ]]; then
      _files
    else
      compadd -S '' -- ${(k)parameters[(R)*export*]}
    fi
    return
  fi
  for ((i = 1; i <= $#values; i++)); do
    entry=${values[i]//:/\\:}:${notes[i]//\\/\\\\}
    if [[ $values[i] == *= ]]; then open+=("$entry"); else whole+=("$entry"); fi
  done
  (( ! $#whole )) || { _describe -t values value whole && none=0 }
  (( ! $#open )) || { _describe -t values value open -S '' && none=0 }
  return none
}

if [[ $funcstack[1] == _proxmox-lxcri ]]; then
  _proxmox-lxcri "$@"
else
  compdef _proxmox-lxcri proxmox-lxcri
fi
