#!/bin/sh
# Makes ready the directory that a tree is copied into: p, or b in the directory p, or p itself if there is
# nothing; m is set if p has to be there. A directory that is made here holds .axt-new with the name b until the
# copy is complete: the same copy finds by it that it is the one to go on with.
#
# It follows common.sh. Standard output, a line each: the kind of digests; "/" if it is in the directory p, and "n"
# if it is new; the umask; the user's and the group's number; how much room there is, as df says it; tar if there
# is one.
#
# shellcheck disable=SC2154 # Variables come before this text.
is_new() {
    [ -f "$1/.axt-new" ] && [ -O "$1/.axt-new" ] && [ "$(cat "$1/.axt-new")" = "$b" ]
}
into=
if [ -d "$p" ]; then
    [ -z "$b" ] || is_new "$p" || p=$p/$b into=/
elif [ "$m" ]; then
    no missing "$p"
fi
if [ ! -d "$p" ]; then
    mkdir -m 700 "$p" || exit 1
    printf '%s' "$b" >"$p/.axt-new" || exit 1
elif [ "$into" ] && [ -h "$p" ]; then
    no link "$p"
fi
echo "${h%% *}"
if is_new "$p"; then
    echo "${into}n"
else
    echo "$into"
fi
umask
echo "$(id -u):$(id -g)"
df -Pk "$p/" 2>/dev/null | tail -n 1
command -v tar
# The parts of runs that are over are removed.
set +f
for f in "$p"/.*.axt-lock; do
    set -f
    t=${f##*/.}
    t=${t%.axt-lock}
    case $t in
    *[!0-9a-z]*) ;;
    *) (lock "$f" && find "$p" -name ".$t.axt-part" -type d -prune -exec rm -rf {} +) >/dev/null 2>&1 ;;
    esac
done
exit 0
