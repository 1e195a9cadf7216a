# Runs one command for certwright and says in band how it ended.
# $1 nonce, $2 what to do, $3 base folder, $4 seconds (reads: limit or 0; else: wait for the lock),
# $5 length of standard input or -, $6 log or quiet, $7 the command for people, then the command.
# Output is capped when it is sent, not when it is written: the command's files can grow as far as the disk.
n=$1 job=$2 base=$3 secs=$4 len=$5 log=$6 what=$7
shift 7
umask 077
run=$base/run
mark() {
    printf '\036%s %s\n' "$n" "$*"
    printf '\036%s %s\n' "$n" "$*" >&2
}
fail() {
    mark "fail $*"
    exit 0
}
# The lock is inherited by the command: it holds it even where this shell is killed.
lock() {
    true 2>/dev/null >>"$base/lock" || fail "cannot open $base/lock"
    exec 9>>"$base/lock"
    flock -w "$secs" 9 && return
    test $? = 1 || fail "cannot lock $base/lock"
    mark "busy $(head -c 300 "$run/current" | head -n 1), since $(date -u -r "$run/current" +%H:%M:%SZ)"
    exit 0
}
limit() {
    test "$secs" = 0 && exec "$@"
    exec timeout -k 2 "$secs" "$@"
}
# With sudo behind us: whatever ends this shell from here on was not a refusal to run it.
mark ready
case $job in
reads)
    mark begin
    if test "$len" = -; then
        (limit "$@") </dev/null
    else
        head -c "$len" | (limit "$@")
    fi
    mark "end $? - -"
    ;;
mutates)
    test -d "$run" || mkdir -p "$run" 2>/dev/null
    # Output and input are in files without names: nothing is left, however this ends.
    f=$run/$n
    true 2>/dev/null >"$f.out" >"$f.err" >"$f.in" || fail "cannot make files in $run"
    exec 3>"$f.out" 4<"$f.out" 5>"$f.err" 6<"$f.err" 7>"$f.in" 8<"$f.in"
    rm -f "$f.out" "$f.err" "$f.in"
    if test "$len" = -; then
        exec 7>&- 8</dev/null
    else
        head -c "$len" 2>/dev/null >&7
        exec 7>&-
        got=$(stat -L -c %s /proc/self/fd/8)
        test "$got" = "$len" || fail "kept $got of $len bytes of standard input in $run"
    fi
    lock
    printf '%s, process %s\n' "$what" "$$" 2>/dev/null >"$run/current"
    # Whoever waited for the lock while its line was lost ends here by SIGPIPE and starts nothing.
    mark begin
    if test "$log" = log && command -v logger >/dev/null; then
        logger -t certwright -- "$what" </dev/null >/dev/null 2>&1 3>&- 4<&- 5>&- 6<&- 8<&- 9>&- &
    fi
    (exec "$@") <&8 >&3 2>&5 3>&- 4<&- 5>&- 6<&- 8<&-
    status=$?
    exec 3>&- 5>&- 8<&- 9>&-
    lengths=$(stat -L -c %s /proc/self/fd/4 /proc/self/fd/6)
    head -c 1048576 <&4
    head -c 1048576 <&6 >&2
    mark end $status $lengths
    ;;
settle)
    test ! -e "$base/lock" || lock
    mark begin
    mark "end 0 - -"
    ;;
esac
