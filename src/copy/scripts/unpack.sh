#!/bin/sh
# Takes small files from standard input, as a tar archive, into directories below the directory p: each of these
# gets a directory for parts, which is on the same file system, so that a file only has to be renamed.
#
# It follows common.sh. parts are these directories and files the files in them, as words of a command; want are
# their digests, a line each. Calls of `place` follow this text. Standard output: for each file that is not put in
# its place, its number among all and why: d if it is not what was sent.
#
# shellcheck disable=SC2154,SC2317 # Variables come before this text, and calls behind it.
cd "$p" || exit 1
# It is in nobody's way: it tells other runs that these parts are in use.
lock "./.$token.axt-lock"
trap 'eval "rm -rf $parts"; has_lock && rm -f "$lock"' EXIT
umask 077
eval "rm -rf $parts; mkdir -m 700 $parts" 2>/dev/null
e=$(tar -xopf - 2>&1 | grep -v -e ': Exiting' -e 'not recoverable' -e 'time stamp' | tail -n 1)
found=$(eval "sums $files")
if [ "$found" != "$want" ]; then
    i=0 found=$found$nl want=$want$nl
    eval "set -- $files"
    for f; do
        i=$((i + 1)) d=${found%%"$nl"*} w=${want%%"$nl"*}
        found=${found#*"$nl"} want=${want#*"$nl"}
        [ "$d" != "$w" ] || continue
        rm -f "$f"
        x=$e
        [ -d "${f%/*}" ] || x=$(mkdir "${f%/*}" 2>&1)
        printf '%s %s\n' "$i" "${x:-d}"
    done
fi
# To the disk, all at once: one by one takes seconds.
eval "df -P $parts" 2>/dev/null | sed '1d;s/.*% *//' | sort -u | while IFS= read -r d; do
    sync -f "$d" || sync
done 2>/dev/null
i=0

# Puts files in their directory $1.
place() {
    to=$1 n=$i
    shift
    i=$((i + $#))
    ! (cd "$to/.$token.axt-part" && mv -f "$@" ../) 2>/dev/null || return 0
    for f; do
        n=$((n + 1)) f=$to/.$token.axt-part/$f
        [ ! -f "$f" ] || x=$(mv -f "$f" "$to/" 2>&1) || printf '%s %s\n' "$n" "${x##*"$nl"}"
    done
}
