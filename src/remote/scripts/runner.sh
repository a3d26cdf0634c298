#!/bin/sh
# The second stage: runs commands one after another, each with its own standard input, output and
# error, and reports their statuses.
#
# It follows shell.sh. axt takes out the comments and indentation, puts a secret in place of SENTINEL,
# a number in place of GZIP_FROM, and other tools in place of those that are missing. As the mark, the
# sentinel may only be written by builtins.
#
# What comes over the terminal: frames of a letter, seven digits, and so many bytes.
#   x  the mark, then what sets a command up and runs it    d  standard input; none: its end
#   D  standard input, compressed                           e  the end of the command
#   s  a signal, as the arguments of kill                   k  stop reading the command's streams
# What goes back: lines, each behind the mark and written by one call of write(2).
#   oN…  eN…  output and error      p  the process     s  its status, or ?
#   +  a frame of input was taken   z  no more is taken      !  the runner was disturbed
#   u  the user's shell can't be used      .  ready for the next command
#
# Processes, joined by pipes: _feed reads the terminal and is never blocked; _work takes the
# commands; for each one _relay is its input, _guard watches it, two _enc encode its streams; dd at
# the end is the only one that writes to the terminal, whole lines at once (64 KiB is all that a
# pipe holds). The parentheses are for shells that run the last part of a pipe themselves.
#
# Words are split on purpose; a space after = means nothing; GZIP_FROM is a number; _m is set by
# shell.sh and holds no pattern, and _i by what comes in a frame; _h is set again before it is used.
# shellcheck disable=SC1007,SC2030,SC2031,SC2046,SC2064,SC2086,SC2154,SC2162,SC2170,SC2216,SC2295
_y=SENTINEL

# Signals meant for the command must not end the runner; what it starts has the default again.
# USR2 ends tools that are stuck. Each subshell must say so again. With '', those that start no command take
# no notice of signals, and neither do their tools.
_t() {
    trap "${1-:}" HUP INT TERM QUIT USR1 USR2
}

# The latter, save that their tools can be ended: by USR2, and by the kernel's HUP when the first of all
# these processes has been killed. An agent does that; whoever is left must take it for the end.
_d() {
    _t ''
    trap _q=! HUP USR2
}

# Reads exactly so many bytes.
_r() {
    dd iflag=fullblock count=1 bs=$1
}

# Lines that arrive whole: at most PIPE_BUF (4,096) bytes. gzip is used while it pays.
_enc() {
    _d
    _k=$1
    while
        if [ $_z ]; then
            _c=$(dd bs=64k count=1 | gzip -3 | base64 -w3900)
        else
            _c=$(dd bs=64k count=1 | base64 -w3900)
        fi
        # Of a tool that was killed nothing is sent: the stream then ends without the sentinel.
        [ $?$_q = 0 ] && [ "$_c" ]
    do
        _l=${#_c}
        set -- $_c
        while [ $1 ]; do
            _n=$((_n+1))
            echo $_m$_k$_n${_z:-P}$#,${#1},$1
            shift
        done
        _w=$((_w-1))
        if [ $_z ]; then
            [ $_l -gt 250 ] || _z=
            [ $_l -lt 80000 ] || _z= _w=15
        elif [ $_l -gt GZIP_FROM ] && [ $_w -lt 1 ]; then
            _z=Z
        fi
    done
    echo $_m$_k$((_n+1)).
}

# Reports process and status. Without a status the command is left to itself: hang it up. That must
# not fail because nobody reads the reports any more.
_guard() {
    _d
    trap '' PIPE
    while
        _h=$(dd bs=64 count=1)
        [ "$_h" ]
    do
        for _l in $_h; do
            echo $_m$_l
            case $_l in
            p*) _p=${_l#p} ;;
            *) exit ;;
            esac
        done
    done
    [ $_p ] && kill -HUP $_p
    echo "${_m}s?"
}

# Standard input, on descriptor 9, and one word about its end. Only whole frames are taken from the pipe,
# so nothing may end it in the midst of one. Statuses of a tool whose output nobody reads: 1, or a death
# by SIGPIPE.
_relay() {
    while read -r _h; do
        _l=${_h#?}
        case $_h in
        d*[1-9]*) _r $_l ;;
        D*) _r $_l | gzip -dc ;;
        *) false ;;
        esac >&9 || {
            case $? in 1 | 141 | 269) _q=z ;; esac
            break
        }
        echo $_m+ >&3
    done
    echo ${_q:-!}
}

# Runs the arguments in a session of their own. Who passes on the word about the input's end holds the
# input open until then: one whose _relay was killed never looks complete. The sentinel parts what the
# command wrote from what its children write later. ksh93 says 256+n for a signal.
_one() {
    {
        _t ''
        _relay | (
            read _h
            echo $_m${_h:-!} >&3
        )
    } 9>&1 | {
        _t
        {
            _t
            {
                _t
                {
                    _t
                    setsid sh -c "$_i" sh "$@" >&4 5>&5 6>&6 3>&- 4>&- 7>&-
                    # By a process of its own, which dies if _guard was killed: the rest is told all the same.
                    echo s$(($?>255?$?-128:$?)) >&6 | :
                    echo $_y >&4
                    echo $_y >&5
                } 6>&1 | (_guard >&3 4>&- 5>&-)
            } 4>&1 | (_enc o >&3 5>&-)
        } 5>&1 | (_enc e >&3)
    }
}

# What is no frame, or a text without the mark, is a command's input that was taken for more: that ends
# the runner. ksh93 waits for the last part of a pipe only: here for the end of all that hold
# descriptor 7.
_work() {
    _t
    while read -r _h; do
        case $_h in
        x*)
            _c=$(_r ${_h#?})
            [ "$_c" = "${_c#$_m}" ] && kill -9 0
            (
                _t
                eval "${_c#$_m}"
            ) 7>&1 | (
                _t ''
                read -r _h
            )
            echo $_m. >&3
            ;;
        [dD]*[1-9]*) _r ${_h#?} >/dev/null ;;
        [de]0000000) ;;
        *) kill -9 0 ;;
        esac
    done
}

# Ends the tools that are stuck, more than once, for one may be starting just now.
_stop() {
    for _h in 1 2; do
        kill -USR2 0
        sleep 1
    done
}

# At the terminal's end, the other processes' tools are ended; then what waits for a command that goes
# on all the same.
_feed() {
    _d
    while _h=$(_r 8); do
        _l=${_h#?}
        case $_h in
        s*) kill $(_r $_l) ;;
        k*) kill -USR2 0 ;;
        ?*)
            echo $_h
            [ $_l -lt 1 ] || _r $_l || break
            ;;
        *) break ;;
        esac
    done
    exec >&-
    _stop
    kill -9 0
}

# Without a writer nothing can be told: _feed stops as it does at the terminal's end.
_t
_feed | (_work 3>&1) | (
    _t ''
    dd bs=64k
    _stop
)
