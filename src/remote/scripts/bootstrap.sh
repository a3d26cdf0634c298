#!/bin/sh
# The first stage, which is the whole of CommandLine: names the tools that are there, silences the
# terminal, says that it is ready, and runs the text that comes over the channel, whose length in
# eight digits goes before it.
#
# axt takes out the comments, joins the lines, and puts a random word in place of NONCE. An
# exclamation mark must not be here, for csh expands it even between quotes; no single quote
# either, for CommandLine is quoted with them.
#
# The line may be echoed by a terminal: the word and what follows it in the answer must not be
# found in it. The answer is printed by a subshell: bash keeps the buffer that it chose for the terminal and would
# cut all later lines into pieces of its size.
#
# TMOUT ends reads of bash and ksh93, and a shell gets options by SHELLOPTS. ksh93 forgets its time limit only by
# an assignment.
#
# shellcheck disable=SC2034,SC2086 # A shell reads TMOUT. The number comes over the channel.
TMOUT=0
unset TMOUT _m _n _t
set +um
_m=NONCE
exec 2>/dev/null
for _n in stty dd id base64 openssl perl python3 setsid gzip fold
do command -v $_n >/dev/null && _t="$_t $_n"
done
base64 -w9 </dev/null >/dev/null && _t="$_t -w"
dd iflag=fullblock count=0 && _t="$_t full"
# How the terminal was, for a command that gets it.
# shellcheck disable=SC2034 # The second stage uses it.
_s=$(stty -g)
stty raw -echo
(printf %s "$_m?$_t;")
_n=$(dd bs=1 count=8)
eval "$(dd bs=1 count=$_n)"
