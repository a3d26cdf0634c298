#!/bin/sh
# Takes small files from standard input, as a tar archive, into the directory p, by way of .axt-part in it.
# There each directory that gets files has a number; a line for each follows this text.
#
# It follows common.sh. Standard output: for each file that is not put in its place, its number among all and
# why: d if it is not what was sent, m if it can't be moved.
#
# shellcheck disable=SC2154,SC2317 # Variables come before this text, and calls behind it.
cd "$p" || exit 1
lock ./.axt-lock
umask 077
rm -rf ./.axt-part
mkdir ./.axt-part || exit 1
# What is missing afterwards is told file by file.
(cd ./.axt-part && tar -xopf -)
i=0

# The files $4… of the directory $1, which go to $2 and have the digests $3.
files() {
    to=$2 want=$3
    mkdir -p "./.axt-part/$1" && cd "./.axt-part/$1" || exit 1
    shift 3
    if [ "$(sums "$@")" != "$want" ]; then
        for f; do
            w=${want%%
*}
            want=${want#*
}
            # Some may be missing.
            [ "$(sums "$f")" = "$w" ] || rm -rf "$f"
        done
    fi
    n=$i
    for f; do
        i=$((i + 1))
        [ -f "$f" ] || echo "$i d"
    done
    # To the disk, all at once: one by one takes seconds.
    sync -f . 2>/dev/null
    [ "$(readlink "../../$lock")" = "$me" ] || no 'another copy has taken its place'
    mv -f "$@" "../../$to/" 2>/dev/null
    for f; do
        n=$((n + 1))
        [ ! -f "$f" ] || echo "$n m"
    done
    cd ../..
}
