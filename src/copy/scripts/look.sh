#!/bin/sh
# Looks at where a file is to go: p, or b in the directory p; n is the file's size, m is set if p has to be a
# directory. The paths of the part and the lock begin with stem, or with stem_in for b.
#
# It follows common.sh. Standard output, a line each: the kind of digests, the path's kind ("/" behind it if it
# is in the directory p), mode, size, time and owner; the digest if it is of the same size; the part's
# size or none and the digest of its whole blocks; the umask; how much room there is, as df says it.
#
# shellcheck disable=SC2154 # Variables come before this text.
into=
if [ -d "$p" ]; then
    [ -z "$b" ] || p=$p/$b stem=$stem_in into=/
elif [ "$m" ]; then
    no missing "$p"
fi
[ -d "${p%/*}/" ] || no missing "${p%/*}"
lock "$stem.axt-lock"
part=$stem.axt-part
echo "${h%% *}"
if [ -d "$p" ]; then
    echo "d$into"
elif [ -f "$p" ]; then
    echo "f$into"
elif [ -e "$p" ]; then
    # A link that leads to such a thing is none to replace either.
    echo "o$into"
elif [ -h "$p" ]; then
    echo "f$into"
else
    echo "n$into"
fi
s=$(state "$p" 2>/dev/null)
echo "$s"
if [ -f "$p" ] && [ ! -h "$p" ] && [ "$(size "$p")" -eq "$n" ]; then
    sum <"$p"
else
    echo
fi
if [ -f "$part" ] && [ ! -h "$part" ]; then
    s=$(size "$part")
    echo "$s"
    [ "$s" -le "$n" ] || s=$n
    sum_of_blocks "$part" $((s / 65536))
else
    echo none
    echo
fi
umask
df -Pk "${p%/*}/" 2>/dev/null | tail -n 1
