#!/bin/sh
# Looks at a file that is to be copied from here: p. n is the size of the part that is there already.
#
# It follows common.sh. Standard output, a line each: the kind of digests, the path's kind, mode, size,
# time and owner, the digest, the digest of the whole blocks that the part may have.
#
# shellcheck disable=SC2154 # Variables come before this text.
echo "${h%% *}"
if [ -d "$p" ]; then
    echo d
    exit
elif [ -f "$p" ]; then
    echo f
elif [ -e "$p" ]; then
    echo o
    exit
else
    echo n
    exit
fi
exec 8<"$p" || exit 1
state -L "$p"
sum <&8
s=$(size "$p")
[ "$s" -le "$n" ] || s=$n
sum_of_blocks "$p" $((s / 65536))
