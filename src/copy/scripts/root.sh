#!/bin/sh
# Makes ready the directory that a tree is copied into: p, or b in the directory p, or p itself if there is
# nothing; m is set if p has to be there. What an interrupted copy of small files left in it is removed.
#
# It follows common.sh. Standard output, a line each: the kind of digests; "/" if it is in the directory p, and "n"
# if it is new; the umask; the user's number; how much room there is, as df says it; tar if there is one.
#
# shellcheck disable=SC2154 # Variables come before this text.
into=
if [ -d "$p" ]; then
    [ -z "$b" ] || p=$p/$b into=/
elif [ "$m" ]; then
    no "$p: no such directory"
fi
if [ ! -d "$p" ]; then
    mkdir -m 700 "$p" || exit 1
    into=${into}n
elif [ "$into" ] && [ -h "$p" ]; then
    no "$p: it is a symbolic link"
fi
lock "$p/.axt-lock"
rm -rf "$p/.axt-part"
echo "${h%% *}"
echo "$into"
umask
id -u
df -Pk "$p/" 2>/dev/null | tail -n 1
command -v tar
exit 0
