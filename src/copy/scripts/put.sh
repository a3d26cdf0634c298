#!/bin/sh
# Takes a file from standard input: to p, by way of its part. The part's path begins with stem, and its first k
# blocks are there already (k is - if all of it is). n is the size and want the digest of the whole, - for what is not known before:
# it is then kept as a part, and its size and digest are said. mode, owner and time, where they are not empty, are
# what the file gets.
#
# It follows common.sh. The part is made again without following a link, and only one that is this user's own
# is gone on with.
#
# shellcheck disable=SC2015,SC2046,SC2154 # ls gives no empty words; Variables come before this text.
lock "$stem.axt-lock"
part=$stem.axt-part
# One with a second name is some other file, too.
is_own() {
    [ -f "$part" ] && [ ! -h "$part" ] && [ -O "$part" ] || return 1
    set -- $(ls -ldn "$part")
    [ "$2" = 1 ]
}
umask 077
case $k in
0)
    rm -f "$part"
    set -C
    exec 9>"$part" || exit 1
    set +C
    ;;
-) ;;
*)
    is_own || no part "$part"
    [ "$(size "$part")" -ge $((k * 65536)) ] || no changed "$part"
    dd if=/dev/null of="$part" bs=65536 seek="$k" 2>/dev/null
    exec 9>>"$part" || exit 1
    ;;
esac
is_own || no part "$part"
if [ "$k" != - ]; then
    cat >&9 || {
        # Nobody can go on with what comes only once.
        [ "$want" != - ] || rm -f "$part"
        exit 1
    }
    exec 9>&-
fi
dd if=/dev/null of="$part" conv=notrunc,fsync 2>/dev/null
s=$(size "$part")
d=$(sum <"$part")
if [ "$want" = - ]; then
    echo "$s $d"
    exit
fi
if [ "$s" -ne "$n" ]; then
    echo "$s $d"
    exit 5
fi
if [ "$d" != "$want" ]; then
    rm -f "$part"
    echo "$s $d"
    exit 5
fi
[ -z "$owner" ] || chown "$owner" "$part" 2>/dev/null || chgrp "${owner#*:}" "$part" 2>/dev/null
chmod "$mode" "$part" || exit 1
if [ "$time" ]; then
    TZ=UTC0 touch -t "$time" "$part" || exit 1
fi
has_lock || no lost "$p"
[ ! -d "$p" ] || no directory "$p"
mv -f "$part" "$p" || exit 1
[ -f "$p" ] && [ ! -h "$p" ] || no replaced "$p"
