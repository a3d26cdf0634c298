#!/bin/sh
# Lists the directory p with all that is below it.
#
# It follows common.sh. Exit status 6 means that p is no directory, 1 that some of it can't be listed: what and why
# is on standard error. Standard output: the kind of digests and tar if there is one, and NUL; the names, each with
# a NUL behind it, and a NUL; mode, size, time and owner of each, a line each, and a NUL; the digests of the files,
# a line each, and a NUL; what the links lead to, each with a newline and a NUL behind it.
#
# shellcheck disable=SC2016,SC2154 # What find runs is not for this shell; variables come before this text.
[ -d "$p" ] || exit 6
cd "$p" || exit 1
printf '%s\0' "${h%% *} $(command -v tar)"
find . -exec printf '%s\0' {} +
s=$?
# What it could not list is told once.
exec 2>/dev/null
printf '\0'
case $how in
gnu) find . -exec stat -c '%f %s %Y %u:%g' {} + ;;
bsd) find . -exec stat -f '%Xp %z %m %u:%g' {} + ;;
*) find . -exec ls -dln {} \; | states ;;
esac
printf '\0'
export h sums
find . -type f -exec sh -c 'eval "$sums"; sums "$@"' sh {} +
printf '\0'
find . -type l -exec sh -c 'for f; do readlink "$f" && printf "\0"; done' sh {} +
[ $s = 0 ]
