#!/bin/sh
# Becomes the first sftp-server that is there: what ssh's subsystem sftp is.
#
# axt takes out the comments, joins the lines, and lets sh run them whatever the user's shell is: nothing may
# be here that csh or fish would take for something else in single quotes, and no single quote.
#
# shellcheck disable=SC2086 # A path without spaces.
for p in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec /usr/local/libexec /usr/lib/misc /usr/sbin /opt/homebrew/libexec /run/current-system/sw/libexec
do test -x $p/sftp-server && exec $p/sftp-server
done
command -v sftp-server >/dev/null && exec sftp-server
echo sftp-server is missing on the instance: install openssh-sftp-server or openssh-server >&2
exit 127
