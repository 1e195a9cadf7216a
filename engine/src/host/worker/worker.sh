# Serves requests of certwright, one at a time, until its standard input ends. Runs under dash, bash and busybox sh.
# $1 nonce of the ready mark, $2 base folder, $3 `log` or `quiet`.
#
# A request: a line `NONCE LINES LENGTH`, LINES lines of quoted words (job, seconds, token, the command for people,
# argv), LENGTH bytes of standard input (`-`: none). One that is cut anywhere starts nothing. A reply, on both
# streams: `begin`, data, `end STATUS OUT ERR`; or `busy WHAT`, `owned LINE`, `fail WHY`.
#
# The nonce of a request never leaves these pipes: no file is named after it, and no program is given it.
#
# Descriptors: 3 4 the pipes of a mutating command (read ends), 5 6 files for what comes out of them, 7 input,
# 8 for a moment, 9 the lock. No lock is held between requests.
n=$1 base=$2 log=$3 run=$2/run file=$2/run/$1 made='' late='' limit='' kept=''
umask 077
trap 'late=1' USR1

# Whoever lost its line ends here, by SIGPIPE or by itself.
say() {
    printf '\036%s %s\n' "$n" "$*" && printf '\036%s %s\n' "$n" "$*" >&2 || exit 1
}
fail() {
    say "fail $*"
    # Input that was not read would be taken for the next request.
    test "$len" = - || exit 0
    return 1
}
folder() {
    test -d "$run" || mkdir -p "$run" 2>/dev/null || fail "cannot make the folder $run"
}
# Input is kept whole, in a file without a name, before anything starts.
receive() {
    if test "$len" = -; then
        exec 7</dev/null
        return
    fi
    folder && true 2>/dev/null >"$file.in" || fail "cannot make files in $run"
    exec 7<>"$file.in"
    rm -f "$file.in"
    head -c "$len" >&7 2>/dev/null || fail "cannot keep $len bytes of standard input in $run"
    test "$(stat -L -c %s /proc/self/fd/7)" = "$len" || exit 1
    exec 7</proc/self/fd/7
    len=-
}
# The lock is inherited by the command: it holds it even where this shell is killed.
lock() {
    true 2>/dev/null >>"$base/lock" || fail "cannot open $base/lock" || return
    exec 9>>"$base/lock"
    # A status of its own: 1 is also that of a flock that knows no -w.
    flock -E 75 -w "$secs" 9 && return
    status=$?
    exec 9>&-
    test $status = 75 || fail "cannot lock $base/lock (flock of util-linux ended with status $status)" || return
    running=''
    # Empty where the disk is full.
    test ! -s "$run/current" ||
        running="$(head -c 300 "$run/current" | head -n 1), since $(date -u -r "$run/current" +%H:%M:%SZ)"
    say "busy $running"
    return 1
}
# Says who the owner is unless it is $1 (`-`: nobody).
owned_by() {
    # It may come and go at any moment: none only where it can neither be opened nor seen.
    for look in 1 2 3; do
        owner=-
        { { owner=''; IFS= read -r owner; } <"$base/owner"; } 2>/dev/null
        test "$owner" = - && test -e "$base/owner" || break
        owner=''
    done
    test "$owner" = "$1" && return
    say "owned $(printf %.800s "$owner")"
    return 1
}
fenced() {
    test "$token" = - || owned_by "$token"
}

reads() {
    receive || return
    test "$secs" = 0 || test "$limit" || fail "timeout (of coreutils) is not on the PATH" || return
    say begin
    # The shell itself says nothing of a command that a signal ended.
    {
        (
            exec 2>&8 3<&- 4<&- 5>&- 6>&- 8>&-
            test "$secs" = 0 || exec timeout -k 2 "$secs" "$@"
            exec "$@"
        ) <&7 7<&-
        status=$?
    } 8>&2 2>/dev/null
    say "end $status - -"
}
# `/bin/sh -c SCRIPT ...`: the script is kept, and the words behind it come alone where it is the same once more. Each byte of a
# request costs the shell a call of the system.
reads_anew() {
    kept=$3
    reads "$@"
}
reads_again() {
    reads /bin/sh -c "$kept" "$@"
}

# Two pipes and two files without names, for as long as nothing of an earlier command can write to them.
pipes() {
    test -z "$made" || return 0
    folder || return
    if mkfifo "$file.3" "$file.4" 2>/dev/null && true 2>/dev/null >"$file.5" >"$file.6"; then
        exec 8<>"$file.3" 3<"$file.3" 8<>"$file.4" 4<"$file.4" 8>&- 5>"$file.5" 6>"$file.6"
        made=1
    fi
    rm -f "$file.3" "$file.4" "$file.5" "$file.6"
    test "$made" || fail "cannot make files in $run"
}
# Copies standard input to the file $1 up to 1 MiB, and reads the rest: never SIGPIPE, never a full disk.
drain() {
    trap '' XFSZ
    ulimit -S -f 2048
    exec tee "$1"
}
# Waits for both readers, for a second at most; `+`: more came than was kept, or may still come.
drained() {
    late=''
    # Told again each second: what comes before a wait is not heard by it, nor by bash what comes with the end of a
    # child. And never to another process of that id.
    (
        # Before there is a sleep: one that is left by itself would still be there a second later.
        nap=''
        trap 'kill $nap; exit' TERM
        while
            sleep 1 &
            nap=$!
            wait $nap
            read -r _ _ _ parent _ </proc/self/stat && test "$parent" = $$
        do
            kill -USR1 $$
        done
    ) </dev/null >/dev/null 2>&1 3<&- 4<&- 5>&- 6>&- &
    timer=$!
    wait "$out" && out=- || out=+
    test -z "$late" && wait "$err" && err=- || err=+
    kill "$timer"
    wait "$timer"
} 2>/dev/null
audit() {
    if test "$log" = log && command -v logger >/dev/null; then
        test "$token" = - || set -- "run ${token%% *} by ${token##* }: $1"
        logger -t certwright -- "$1" </dev/null >/dev/null 2>&1 3<&- 4<&- 5>&- 6>&- 7<&- 9>&- &
    fi
}
mutates() {
    # The input first: what is left of it would be taken for the next request.
    receive || return
    fenced && pipes && lock || { exec 7<&-; return; }
    if ! fenced; then
        exec 7<&- 9>&-
        return
    fi
    printf '%s, process %s\n' "$what" "$$" 2>/dev/null >"$run/current"
    say begin
    audit "$what"
    : >/proc/self/fd/5 >/proc/self/fd/6
    status=125
    {
        drain /proc/self/fd/5 <&3 >/dev/null 3<&- 4<&- 6>&- 7<&- 8>&- 9>&- &
        out=$!
        drain /proc/self/fd/6 <&4 >/dev/null 3<&- 4<&- 5>&- 7<&- 8>&- 9>&- &
        err=$!
        (exec "$@") <&7 2>&8 3<&- 4<&- 5>&- 6>&- 7<&- 8>&-
        status=$?
    } >/proc/self/fd/3 8>/proc/self/fd/4 2>/dev/null
    exec 7<&- 9>&-
    drained
    test ! -s /proc/self/fd/5 || cat </proc/self/fd/5
    test ! -s /proc/self/fd/6 || cat </proc/self/fd/6 >&2
    say "end $status $out $err"
    # What still holds the pipes keeps them, and their readers, to itself.
    test -z "$late" || { exec 3<&- 4<&- 5>&- 6>&-; made=''; }
}

# Takes the owner from $1 to $2 (`-`: nobody), or with `=` only waits for the lock.
settle() {
    if test "$1$2" = -- || test "$1" = =; then
        # On a host on which nothing ever ran nothing is made.
        test "$1" = = || owned_by - || return
        test ! -e "$base/lock" || lock || return
        test "$1" = = || owned_by - || { exec 9>&-; return; }
    else
        owned_by "$1" && folder && lock || return
        owned_by "$1" && swap "$2" || { exec 9>&-; return; }
    fi
    exec 9>&-
    say begin
    say "end 0 - -"
}
swap() {
    if test "$1" = -; then
        rm -f "$base/owner"
    else
        { printf '%s\n' "$1" >"$base/owner.new"; } 2>/dev/null && sync "$base/owner.new" && mv -f "$base/owner.new" "$base/owner"
    fi && sync "$base" || fail "cannot write $base/owner"
}

command -v timeout >/dev/null && limit=1
IFS= read -r boot </proc/sys/kernel/random/boot_id
say "ready $boot"
while IFS=' ' read -r n lines len; do
    case $n$lines in *[!0-9a-f]* | '') exit 1 ;; esac
    words=''
    while test "$lines" -gt 0; do
        IFS= read -r line || exit 1
        words="$words$line
"
        lines=$((lines - 1))
    done
    eval "set -- $words"
    job=$1 secs=$2 token=$3 what=$4
    shift 4
    "$job" "$@"
    # Nothing of the input is kept for longer than its request.
    exec 7<&-
done
