#!/bin/sh
# The user's login shell on the session's terminal, and its status: the whole of CommandLine, so that
# no further round trip is needed.
#
# axt takes out the comments, joins the lines, and puts variables in place of VARIABLES and the halves of
# a random word in place of FIRST and SECOND. Neither a list of processes nor an echo of this text has
# the word in one piece. No single quote and no exclamation mark may stand here, as in bootstrap.sh.
# Signals that are typed are the shell's: this one must live to report.
#
# shellcheck disable=SC2086 # A user's name.
_u=$(id -un)
SHELL=$(getent passwd $_u || grep "^$_u:" /etc/passwd)
SHELL=${SHELL##*:}
[ -x "$SHELL" ] || SHELL=/bin/sh
USER=$_u LOGNAME=$_u
export SHELL USER LOGNAME VARIABLES
cd || cd /
trap : HUP INT QUIT TSTP
"$SHELL" -l
printf %s FIRST SECOND $? \;
