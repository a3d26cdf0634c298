#!/bin/sh
# The option that makes a shell a login shell, in _l. csh takes it alone, if at all.
#
# axt takes out the comments, puts the shell in place of INTERPRETER, and -l or nothing in place of ALONE.
#
# shellcheck disable=SC2034,SC2194 # What follows uses _l; INTERPRETER is replaced.
case INTERPRETER in
*/csh | csh) _l= ;;
*csh) _l=ALONE ;;
*) _l=-l ;;
esac
