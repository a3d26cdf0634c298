#!/bin/sh
# The shell that becomes a command of the runner: it says which process it is, sets the command's
# environment, and runs the arguments.
#
# It is an argument of sh in _one of runner.sh, which has opened the descriptors: 5 is the command's
# standard error, 6 takes the runner's reports. axt takes out the comments, puts - in place of GROUP if
# the process leads a group, and variables in place of EXPORTS.
#
# Without a group of its own, the command is in that of the runner's tools, which the runner ends by USR2.
# As with ssh, what has no terminal knows none. A variable that the shell refuses to set is told on the
# command's standard error.
echo pGROUP$$ >&6
unset TERM
trap '' USR2
exec 2>&5
EXPORTS
exec "$@" 2>&5 5>&- 6>&-
