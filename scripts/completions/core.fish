# Prints what can stand at the cursor, a line each: the word, a tab, and a few words about it.
function __proxmox_lxcri_complete
    set -l typed (string unescape -- (commandline -ct); or commandline -ct)
    set -l before (commandline -opc)
    while string match -qr '^\w+=' -- $before[1]
        set -e before[1]
    end
    set -e before[1]
    if test (count $before) -eq 0
        __proxmox_lxcri_verbs ''
        return
    end
    set -l verb $before[1]
    set -e before[1]
    if test $verb = help
        if test (count $before) -le 1; and not string match -q -- '-*' $typed
            __proxmox_lxcri_verbs "$before[1]"
        end
        return
    end
    if set -q before[1]; and __proxmox_lxcri_operands "$verb $before[1]" >/dev/null
        set verb "$verb $before[1]"
        set -e before[1]
    else if not set -q before[1]; and not string match -q -- '-*' $typed; and __proxmox_lxcri_verbs $verb
        return
    else if not __proxmox_lxcri_operands $verb >/dev/null
        return
    end
    set -l operands (__proxmox_lxcri_operands $verb)
    # The first line tells whether a command of a container follows.
    set -l command $operands[1]
    set -e operands[1]
    set -l count 0
    set -l pending
    set -l ended
    set -l container
    set -l context
    set -l namespace
    for word in $before
        if set -q pending[1]
            switch $pending
                case --context
                    set context $word
                case --namespace -n
                    set namespace $word
            end
            set -e pending
            set -l pending
            continue
        end
        # After "--" a "/" keeps words from looking like flags.
        switch "$ended$word"
            case --
                test $command = command; and return
                set ended /
            case '--context=*'
                set context (string replace -- --context= '' $word)
            case '--namespace=*'
                set namespace (string replace -- --namespace= '' $word)
            case '--*=*'
            case '--*'
                __proxmox_lxcri_value "$verb $word" >/dev/null; and set pending $word
            case '-?*'
                set -l letters (string split '' -- (string sub -s 2 -- $word))
                for at in (seq (count $letters))
                    if __proxmox_lxcri_value "$verb -$letters[$at]" >/dev/null
                        test $at -eq (count $letters); and set pending -$letters[$at]
                        test $letters[$at] = n; and set namespace (string join '' -- $letters[$at..] | string sub -s 2)
                        break
                    end
                end
            case '*'
                # From its first word on, all words are the command's.
                test $command = command -a $count -ge (count $operands); and return
                test $count -eq 0; and set container $word
                set count (math $count + 1)
        end
    end
    if set -q pending[1]
        __proxmox_lxcri_offer (__proxmox_lxcri_value "$verb $pending") '' "$typed" "$context" "$container" "$namespace"
    else if string match -q -- '--*=*' "$ended$typed"
        set -l parts (string split -m 1 = -- $typed)
        set -l kind (__proxmox_lxcri_value "$verb $parts[1]")
        and __proxmox_lxcri_offer $kind "$parts[1]=" "$parts[2]" "$context" "$container" "$namespace"
    else if string match -q -- '-*' "$ended$typed"
        __proxmox_lxcri_flags $verb
    else if test $count -lt (count $operands)
        __proxmox_lxcri_offer $operands[(math $count + 1)] '' "$typed" "$context" "$container" "$namespace"
    end
end

function __proxmox_lxcri_offer --argument-names kind head typed context container namespace
    set -l words (string split ' ' -- $kind)
    switch $words[1]
        case files
            for file in (__fish_complete_path $typed)
                printf '%s\n' $head$file
            end
        case variables
            printf '%s\n' $head(set -nx)
        case one
            printf '%s\n' $head$words[2..]
        case list
            set -l done (string split , -- $typed)
            set -e done[-1]
            for word in $words[2..]
                contains -- $word $done; or printf '%s\n' $head(string join , -- $done $word)
            end
        case live
            # What has other characters than these is nothing of ours.
            for line in (command proxmox-lxcri __complete $words[2] "$typed" "$context" "$container" "$namespace" </dev/null 2>/dev/null)
                string match -qr '^[A-Za-z0-9_.:/@+-]+\t' -- $line; and printf '%s\n' $head$line
            end
    end
end

complete -c proxmox-lxcri -f -a '(__proxmox_lxcri_complete)'
