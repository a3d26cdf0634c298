#compdef axt axt-ssh
# Completion of axt for zsh. The words are completed by axt itself.

_axt() {
    local -a found values shown open
    local IFS=$'\n'
    found=($(axt completion zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null))
    (( ${#found} )) || return 1
    values=("${(@)found%%$'\t'*}")
    shown=("${(@)found/$'\t'/  -- }")
    shown=("${(@)shown%  -- }")
    # What may go on gets no space.
    open=(-S '')
    [[ ${#values} == 1 && $values[1] == *[/=:] ]] || open=()
    compadd -V axt -l -d shown "${(@)open}" -a values
}

if [[ ${funcstack[1]} == _axt ]]; then
    _axt "$@"
else
    compdef _axt axt axt-ssh
fi
