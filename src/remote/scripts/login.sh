#!/bin/sh
# The user's login shell in their home, on the session's terminal, and its status: the whole of
# CommandLine, so that no further round trip is needed.
#
# axt takes out the comments, joins the lines, and puts variables in place of VARIABLES and the halves of
# a random word in place of FIRST and SECOND. Neither a list of processes nor an echo of this text has
# the word in one piece. No single quote and no exclamation mark may be here, as in bootstrap.sh.
# A shell that can not be used is named before another one starts. Signals that are typed are the shell's:
# this one must live to report. The text has no variables of its own, which might be the environment's
# too. The user's are left to env: a shell complains about locales that it does not have.
#
# shellcheck disable=SC2046,SC2086 # The fields of the entry are split on purpose, by colons only.
IFS=:
set -af -- $(getent 2>/dev/null passwd $(id -un) || grep ^$(id -un): /etc/passwd)
[ "$1" ] && HOME=$6 USER=$1 LOGNAME=$1
SHELL=$7
say() { printf "\036%s%s%s;" FIRST SECOND $1; }
case $7 in */nologin | */false) false ;; *) [ -x "$7" ] ;; esac || { SHELL=/bin/sh; say u$7; }
cd "$HOME" || cd /
trap : HUP INT QUIT TSTP
env VARIABLES "$SHELL" -l
set -- $?
# The terminal may still belong to a group of the shell's, and refuse others.
trap "" TTOU
say $1
