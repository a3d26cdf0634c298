#!/bin/sh
# Writes n blocks of the file p to standard output, from block k on, and to standard error what it
# is like afterwards.
#
# It follows common.sh.
#
# shellcheck disable=SC2154 # Variables come before this text.
exec 8<"$p" || exit 1
dd bs=65536 skip="$k" count="$n" <&8 2>/dev/null || no read "$p"
state -L "$p" >&2
