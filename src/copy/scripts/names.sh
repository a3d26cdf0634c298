#!/bin/sh
# Looks at the names in the directory p that are the arguments.
#
# It follows common.sh. Standard output: a letter for each, n where there is nothing; then mode, size, time and
# owner of each one that is there, a line each.
#
# shellcheck disable=SC2154 # Variables come before this text.
cd "$p" || exit 1
for f; do
    if [ -h "$f" ] && [ -e "$f" ] && [ ! -f "$f" ] && [ ! -d "$f" ]; then
        s=${s}o
    elif [ -h "$f" ]; then
        s=${s}l
    elif [ -d "$f" ]; then
        s=${s}d
    elif [ -f "$f" ]; then
        s=${s}f
    elif [ -e "$f" ]; then
        s=${s}o
    else
        s=${s}n
    fi
done
echo "$s"
state "$@" 2>/dev/null
exit 0
