#!/bin/sh
# Takes small files from standard input, as a tar archive, into directories below the directory p: each of these
# gets a directory for parts, which is on the same file system, so that a file only has to be renamed. Directories
# that are empty yet are made once more there by `stage`, and renamed with what is in them: one process moves many.
#
# It follows common.sh. The functions parts and files come before it: they run a command with these directories, or
# with the files in them, whose digests want has, a line each. part is the name of such a directory. Calls of
# `place` follow this text. Standard output: for each file that is not put in its place, its number among all and
# why: d if it is not what was sent.
#
# shellcheck disable=SC2154,SC2317 # Variables come before this text, and calls behind it.
cd "$p" || exit 1
# It is in nobody's way: it tells other runs that these parts are in use.
lock "./.$token.axt-lock"
trap 'parts rm -rf; has_lock && rm -f "$lock"' EXIT
umask 077
parts rm -rf
parts mkdir -m 700 2>/dev/null
stage 2>/dev/null
e=$(tar -xopf - 2>&1 | grep -v -e ': Exiting' -e 'not recoverable' -e 'time stamp' | tail -n 1)

# Names the files that are not what was sent.
check() {
    i=0 found=$found$nl want=$want$nl
    for f; do
        i=$((i + 1)) d=${found%%"$nl"*} w=${want%%"$nl"*}
        found=${found#*"$nl"} want=${want#*"$nl"}
        [ "$d" != "$w" ] || continue
        rm -f "$f"
        x=$e
        [ -d "${f%/*}" ] || x=$(mkdir "${f%/*}" 2>&1)
        printf '%s %s\n' "$i" "${x:-d}"
    done
}

found=$(files sums)
[ "$found" = "$want" ] || files check
# To the disk, all at once: one by one takes seconds.
parts df -P 2>/dev/null | sed '1d;s/.*% *//' | sort -u | while IFS= read -r d; do
    sync -f "$d" || sync
done 2>/dev/null

# Puts files, and directories that were made a moment ago, in their directory $1. What fails is left.
place() {
    to=$1
    shift
    for f; do
        shift
        set -- "$@" "$to/$part/$f"
    done
    mv -f "$@" "$to/" 2>/dev/null
}

# Puts the files that are left in their places, one by one, and says why one can't be put there.
left() {
    i=0
    for f; do
        i=$((i + 1))
        [ -f "$f" ] || continue
        to=${f%%"/$part/"*}/${f#*"/$part/"}
        x=$(mv -f "$f" "${to%/*}/" 2>&1) || printf '%s %s\n' "$i" "${x##*"$nl"}"
    done
}
