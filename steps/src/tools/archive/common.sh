# What the scripts of backups share. Results go to stdout as strict lines; `refused REASON [NUMBER...]` with status
# 75 means that nothing was changed, any other failure has its words on stderr. Paths are told by their place.
set -uf
LC_ALL=C; export LC_ALL
umask 077
root=$1; shift

refuse() { echo "refused $*"; exit 75; }
fail() { echo "$*" >&2; exit 74; }
usage() { echo "$*" >&2; exit 64; }

for program in awk cmp cp cut df du find grep id mkdir mv readlink rm sha256sum sort stat sync tar; do
    command -v "$program" >/dev/null || fail "$program: not found"
done

# Only names we could have given ourselves.
safe_name() {
    case $1 in
        .* | *[!A-Za-z0-9._-]*) return 1 ;;
        ?*.tar) return 0 ;;
        *) return 1 ;;
    esac
}

plain_path() {
    case $1/ in
        / | *//* | */./* | */../*) usage "a path is not plain" ;;
        /*) ;;
        *) usage "a path is not absolute" ;;
    esac
}

# Holds a folder of ours that nobody else can enter, as $held: whatever its name leads to by now, what is looked at
# here and what is used is one folder. (`command`: a redirection that fails ends no shell then.)
held=/proc/self/fd/3/.
hold() {
    [ -d "$1" ] && [ ! -L "$1" ] && command exec 3<"$1/." || return 1
    [ "$(stat -c '%u' $held)" = "$(id -u)" ] || return 1
    case $(stat -c '%a' $held) in *00) return 0 ;; *) return 1 ;; esac
}

# True when archive $2 in folder $1 is complete and agrees with its sums.
verified() (
    cd "$1" || exit 1
    [ -f "$2" ] && [ -f "$2.contents" ] && [ -f "$2.sha256" ] || exit 1
    [ "$(cut -c 67- "$2.sha256")" = "$2
$2.contents" ] || exit 1
    sha256sum -c "$2.sha256" >/dev/null 2>&1
)

# Prints the sums of all files below the paths (relative to the current folder), sorted.
contents() {
    find "$@" -type f -exec sha256sum {} + | sort
}

# Prints type, mode, owner, group, time and link target of everything below the paths, sorted.
description() {
    find "$@" -exec stat -c '%f %u %g %y %N' {} + | sort
}

# KiB that are free where $1 lies.
free_kib() {
    df -Pk "$1" | awk 'NR == 2 {
        for (i = 4; i <= NF; i++)
            if ($i ~ /^[0-9]+%$/ && $(i - 1) ~ /^[0-9]+$/ && $(i - 2) ~ /^[0-9]+$/) { print $(i - 1); exit }
    }'
}

# Makes files durable.
durable() { sync "$@" 2>/dev/null || sync; }
