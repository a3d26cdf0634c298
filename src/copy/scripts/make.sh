#!/bin/sh
# Makes directories and links in the directory p: each line that follows this text makes one.
#
# It follows common.sh. Standard output: for each that fails, its number among all, a space and why, and a NUL.
#
# shellcheck disable=SC2154,SC2317 # Variables come before this text, and calls behind it.
cd "$p" || exit 1
i=0

failed() {
    printf '%s %s\0' "$i" "$1"
}

# Directories $2… with the mode $1: by one call, unless something is in the way.
directories() {
    mode=$1
    shift
    if mkdir -m "$mode" "$@" 2>/dev/null; then
        i=$((i + $#))
        return
    fi
    for f; do
        i=$((i + 1))
        if [ -h "$f" ]; then
            failed @link
        elif [ ! -d "$f" ]; then
            e=$(mkdir -m "$mode" "$f" 2>&1) || failed "$e"
        fi
    done
}

# A link $2 to $1, in place of what is no directory.
link() {
    i=$((i + 1))
    if [ -h "$2" ]; then
        # The x keeps newlines at the end of the name.
        [ "$(readlink "$2" && echo x)" != "$1
x" ] || return 0
    elif [ -d "$2" ]; then
        failed @directory
        return
    fi
    part=${2%/*}/.$token.axt-part
    e=$(rm -f "$part" 2>&1 && ln -s -- "$1" "$part" 2>&1) || {
        failed "$e"
        return
    }
    # mv would move it into what the old one leads to.
    [ ! -h "$2" ] || [ ! -d "$2" ] || rm -f "$2"
    e=$(mv -f "$part" "$2" 2>&1) || failed "$e"
}

# The mode $1 and, if it is not empty, the time $2 for $3.
attributes() {
    i=$((i + 1))
    e=$({ chmod "$1" "$3" && { [ -z "$2" ] || TZ=UTC0 touch -t "$2" "$3"; }; } 2>&1) || failed "$e"
}
