#!/bin/sh
# A command that is too long for one argument: joins its pieces, which are the arguments, and runs it.
#
# It is an argument of the user's shell. axt takes out the comments and joins the lines. No single quote
# may be here.
c=
for p; do c=$c$p; done
eval "set --; unset c p; $c"
