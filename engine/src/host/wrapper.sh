# Runs one command for certwright and says in band how it ended.
# $1 nonce, $2 what to do, $3 base folder, $4 seconds (reads: limit or 0; else: wait for the lock),
# $5 length of standard input or -, $6 log or quiet, $7 the command for people, then the command.
n=$1 job=$2 base=$3 secs=$4 len=$5 log=$6 what=$7
shift 7
umask 077
run=$base/run
mark() {
    printf '\036%s %s\n' "$n" "$*"
    printf '\036%s %s\n' "$n" "$*" >&2
}
fail() {
    test -z "$d" || rm -rf "$d"
    mark "fail $*"
    exit 0
}
# The lock is inherited by the command: it holds it even where this shell is killed.
lock() {
    mkdir -p "$run" 2>/dev/null
    true 2>/dev/null >>"$base/lock" || fail "cannot open $base/lock"
    exec 9>>"$base/lock"
    flock -w "$secs" 9 && return
    test $? = 1 || fail "cannot lock $base/lock"
    test -z "$d" || rm -rf "$d"
    mark "busy $(head -c 300 "$run/current" 2>/dev/null | head -n 1)"
    exit 0
}
limit() {
    test "$secs" = 0 && exec "$@"
    exec timeout -k 2 "$secs" "$@"
}
d=
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
    mkdir -p "$run" 2>/dev/null
    d=$(mktemp -d "$run/XXXXXXXXXX" 2>/dev/null) || fail "cannot make a folder in $run"
    trap 'rm -rf "$d"; exit 1' PIPE
    true 2>/dev/null >"$d/out" && true 2>/dev/null >"$d/err" || fail "cannot make files in $run"
    if test "$len" = -; then
        exec 8</dev/null
    else
        head -c "$len" 2>/dev/null >"$d/in"
        got=$(($(wc -c <"$d/in")))
        test "$got" = "$len" || fail "kept $got of $len bytes of standard input in $run"
        exec 8<"$d/in"
        rm -f "$d/in"
    fi
    lock
    find "$run" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf {} + 2>/dev/null
    printf '%s\n' "$what, since $(date -u +%H:%M:%SZ), process $$" 2>/dev/null >"$run/current"
    # Whoever waited for the lock while its line was lost ends here by SIGPIPE and starts nothing.
    mark begin
    if test "$log" = log && command -v logger >/dev/null; then
        logger -t certwright -- "$what" </dev/null >/dev/null 2>&1 8<&- 9>&- &
    fi
    (exec "$@") <&8 8<&- >"$d/out" 2>"$d/err"
    status=$?
    out=$(($(wc -c <"$d/out"))) err=$(($(wc -c <"$d/err")))
    true 2>/dev/null >"$run/current"
    exec 6<"$d/out" 7<"$d/err" 8<&-
    rm -rf "$d"
    exec 9>&-
    head -c 1048576 <&6
    head -c 1048576 <&7 >&2
    mark "end $status $out $err"
    ;;
settle)
    test ! -e "$base/lock" || lock
    mark begin
    mark "end 0 - -"
    ;;
esac
