#!/bin/sh
# Gives the file p this mode and, if it is not empty, this time.
#
# It follows common.sh.
#
# shellcheck disable=SC2154 # Variables come before this text.
chmod "$mode" "$p" || exit 1
if [ "$time" ]; then
    TZ=UTC0 touch -t "$time" "$p" || exit 1
fi
