#!/bin/sh
# Gives the file p this mode and this time, where they are not empty, and removes its part.
#
# It follows common.sh.
#
# shellcheck disable=SC2154 # Variables come before this text.
rm -f "$stem.axt-part"
[ -z "$mode" ] || chmod "$mode" "$p" || exit 1
if [ "$time" ]; then
    TZ=UTC0 touch -t "$time" "$p" || exit 1
fi
