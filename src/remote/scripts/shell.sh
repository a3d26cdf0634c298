#!/bin/sh
# The beginning of the second stage: the user and their shell, as the user database has them.
#
# axt takes out the comments and indentation, and puts a secret in place of MARK. The names begin
# with an underscore, so that they meet none of the environment's. The mark may only be written by
# builtins and must never be exported: other processes' arguments and environment can be read by
# everybody.
#
# shellcheck disable=SC2034,SC2086 # What follows uses them; words are split on purpose.
unset _m _y _n _z _w _c _l _q _h _i _p _u
set +aef
_m=MARK
_u=$(id -un)
_l=$(getent passwd $_u || grep "^$_u:" /etc/passwd)
export SHELL="${_l##*:}" USER=$_u LOGNAME=$_u
case $SHELL in
*/nologin | */false) false ;;
*) [ -x "$SHELL" ] ;;
esac || {
    # In a subshell: bash keeps the buffer that it chose for the terminal, and would cut all later
    # lines into pieces of its size.
    (echo "${_m}u$SHELL")
    SHELL=/bin/sh
}
