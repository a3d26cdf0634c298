#!/bin/sh
# The digests of the files in the directory p that are the arguments: a line each, empty for one that can't be
# read.
#
# It follows common.sh.
#
# shellcheck disable=SC2154 # Variables come before this text.
cd "$p" || exit 1
sums "$@"
