# Prints files by patterns: arguments ROOT, then patterns of absolute paths. Fields end in NUL, so that no name and no
# content disturbs them: KIND PATH CONTENT for each, KIND being `file`, `exec` (a file that may be executed) or `link`
# (a symlink: its target in the place of a content; its content follows as a record of its own).
# Of a file the first 16 KiB are printed, of a binary nothing.
set -u
LC_ALL=C; export LC_ALL
root=$1; shift
# Patterns are expanded, and never split.
IFS=
show() {
    kind=file
    if test -x "$1"; then
        kind=exec
        case $(head -c 4 -- "$1" | tr -d '\000') in *ELF) return ;; esac
    fi
    printf '%s\0%s\0' "$kind" "${1#"$root"}"
    head -c 16384 -- "$1" | tr -d '\000'
    printf '\0'
}
for pattern in "$@"; do
    for path in $root$pattern; do
        if test -L "$path"; then
            printf 'link\0%s\0' "${path#"$root"}"
            readlink -n -- "$path"
            printf '\0'
            # Below a root a target is no path of this machine.
            test -z "$root" || continue
        fi
        test ! -f "$path" || show "$path"
    done
done
exit 0
