#!/bin/sh
# The beginning of every text of a copy: which tools there are, and the lock.
#
# axt takes out the comments and indentation and puts the variables of the copy before this text: names are
# quoted and may hold any byte; they begin with / or ./. echo must get no word that begins with - or holds a
# backslash: shells take it in different ways. What is found goes to standard output, what went
# wrong to standard error. Exit status: 0 done, 1 failed, 4 another copy has the lock, 5 not what was sent.
#
# shellcheck disable=SC2012,SC2016,SC2034,SC2046,SC2086,SC2154,SC2209 # Words are split on purpose, and not all are
# needed; variables come before this text; ls is for where there is no stat.
LC_ALL=C
export LC_ALL
set -f
how='' l='' s=''
nl='
'
[ "$HOME" ] || eval "HOME=~$USER"
cd "$HOME" 2>/dev/null || cd /

if command -v sha256sum; then
    h=sha256sum
elif openssl dgst -sha256 -r; then
    h='openssl dgst -sha256 -r'
elif command -v shasum; then
    h='shasum -a 256'
elif busybox sha256sum; then
    h='busybox sha256sum'
else
    h=cksum
fi </dev/null >/dev/null 2>&1

# The digest of standard input.
sum() {
    $h | (
        read -r d x
        echo "$d"
    )
}

# The digest of the first $2 blocks of a file.
sum_of_blocks() {
    dd if="$1" bs=65536 count=$2 2>/dev/null | sum
}

# The digests of the arguments, a line each, empty for one that can't be read: by one call, unless the tool
# writes more or fewer lines than there are files. A GNU tool marks names with a backslash that it puts first.
# What find starts gets this as a variable.
sums='sums() {
    [ $# != 0 ] || return 0
    d=$({ $h "$@" 2>/dev/null || echo failed; } | while read -r d x; do echo "${d#\\}"; done)
    if [ "$(echo "$d" | wc -l)" -eq $# ] && [ "${d%failed}" = "$d" ]; then
        echo "$d"
        return
    fi
    for f; do
        d=$($h 2>/dev/null <"$f")
        echo "${d%% *}"
    done
}'
eval "$sums"

# Mode, size, time and owner of each argument, a line each. Options that say how to read links may come first.
if stat -c %f /; then
    how=gnu
elif stat -f %Xp /; then
    how=bsd
fi >/dev/null 2>&1
state() {
    case $how in
    gnu) stat -c '%f %s %Y %u:%g' "$@" ;;
    bsd) stat -f '%Xp %z %m %u:%g' "$@" ;;
    *)
        for f; do
            [ "$f" = -L ] && l=L && continue
            ls -dln$l "$f"
        done | states
        ;;
    esac
}

# The same from what ls writes; the time is not known.
states() {
    while read -r a b c d e f; do
        echo "$a $e - $c:$d"
    done
}

size() {
    set -- $(wc -c <"$1")
    echo $1
}

# Fails for a reason that axt has a text for, by its word, with a path.
no() {
    printf '@%s %s\n' "$1" "$2" >&2
    exit 1
}

# When a process was started; nothing if it does not run.
began() {
    if read -r s 2>/dev/null </proc/$1/stat; then
        close=')'
        set -- ${s##*"$close"}
        case $1 in
        Z | X) ;;
        *) echo ${20} ;;
        esac
    else
        kill -0 $1 2>/dev/null && echo 0
    fi
}

# Takes a lock: a symbolic link to a text with the copy's token and the process that has it. One whose
# process is gone counts for nothing; neither does one of this copy's, or of the copy that `free` names, for
# that one is known to be dead. What another user's lock names is never killed: anyone may write any number.
lock() {
    me="$token $$ $(began $$)"
    until ln -s "$me" "$1" 2>/dev/null; do
        # One call tells owner and text, so that both are of the same link.
        x=$(ls -ldn "$1")
        set -- "$1" $x
        owner=$4
        set -- "$1" ${x##* -> }
        if [ $# != 4 ]; then
            ln -s "$me" "$1"
            exit 1
        fi
        case $3 in
        1 | 0* | *[!0-9]*) ;;
        *)
            if [ "$(began $3)" = "$4" ]; then
                if [ "$owner" != "$(id -u)" ] || { [ "$2" != "$free" ] && [ "$2" != "$token" ]; }; then
                    echo "$2"
                    exit 4
                fi
                kill -9 -$3 || kill -9 $3
                for i in 1 2 3 4 5; do
                    [ "$(began $3)" = "$4" ] || break
                    sleep $((i / 2))
                done
            fi 2>/dev/null
            ;;
        esac
        rm -f "$1" || exit 1
    done
    lock=$1
    has_lock || no lock "$1"
    trap 'has_lock && rm -f "$lock"' EXIT
    trap 'exit 1' HUP INT QUIT PIPE TERM
}

has_lock() {
    x=$(ls -ldn "$lock")
    [ "${x##* -> }" = "$me" ]
}
