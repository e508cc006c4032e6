_proxmox_lxcri() {
  local values=() notes=() words=() what='' head='' piece='' typed='' trimmed='' value='' before='' i=0
  local rest=${COMP_LINE:0:COMP_POINT}
  COMPREPLY=()
  # Readline splits words at ":" and "=" too (COMP_WORDBREAKS); for us only blanks separate them.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    trimmed=${rest#"${rest%%[![:blank:]]*}"}
    ((i < COMP_CWORD)) || piece=$trimmed
    if ((i > 0)) && [[ $trimmed == "$rest" ]]; then
      words[${#words[@]} - 1]+=$piece
    else
      words+=("$piece")
    fi
    rest=${trimmed#"$piece"}
  done
  i=$((${#words[@]} - 1))
  typed=${words[i]}
  unset "words[i]"
  # A file that the shell opens.
  if [[ ${words[i - 1]-} == *[\<\>] ]]; then
    compopt -o default
    return 0
  fi
  # Inside of quotes readline takes the word as a whole.
  if [[ $typed == [\"\']* ]]; then
    typed=${typed:1}
  else
    for ((i = ${#typed} - 1; i >= 0; i--)); do
      if [[ $COMP_WORDBREAKS == *"${typed:i:1}"* ]]; then
        before=${typed:0:i + 1}
        break
      fi
    done
  fi
  __proxmox_lxcri_find "$typed" "${words[@]//[\"\'\\]/}"
  case $what in
    files)
      compopt -o filenames
      while IFS= read -r value; do values+=("$head$value"); done < <(compgen -f -- "${typed#"$head"}")
      ;;
    variables)
      compopt -o nospace
      while IFS= read -r value; do values+=("$head$value"); done < <(compgen -e -- "${typed#"$head"}")
      ;;
  esac
  for value in "${values[@]}"; do
    [[ $value != "$typed"* ]] || COMPREPLY+=("${value#"$before"}")
  done
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
  return 0
}

complete -F _proxmox_lxcri proxmox-lxcri
