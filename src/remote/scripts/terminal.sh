#!/bin/sh
# The second stage of a program that has the session's terminal: puts the terminal back as it was,
# says when it may be typed to, runs the program, and reports its status.
#
# It follows shell.sh. axt takes out the comments and indentation, puts variables in place of EXPORTS and
# what becomes the program in place of PROGRAM, and leaves cd out unless the program is a login shell.
# Signals that are typed are the program's: this shell must live to report.
#
# shellcheck disable=SC2154,SC2288 # _m and _s are set by what comes before; the words are replaced.
trap : HUP INT TERM QUIT
stty "$_s"
echo "$_m+"
(
    EXPORTS
    cd || cd /
    PROGRAM
) 2>&1
echo "$_m$?;"
