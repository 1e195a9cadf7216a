# Puts files back: arguments ROOT, archive, paths of files.
archive=$1; shift
plain_path "$archive"
folder=$root${archive%/*}
name=${archive##*/}
safe_name "$name" || usage "the archive's name is not plain"
[ "$#" -gt 0 ] || usage "no path"

number=0
for path; do
    plain_path "$path"
    above=${path%/*}
    while [ -n "$above" ]; do
        if [ -L "$root$above" ]; then refuse unsafe-target "$number"; fi
        above=${above%/*}
    done
    if [ -L "$root$path" ]; then refuse unsafe-target "$number"; fi
    if [ -e "$root$path" ] && [ ! -f "$root$path" ]; then refuse unsafe-target "$number"; fi
    number=$((number + 1))
done
hold "$folder" || { [ -e "$folder" ] && refuse unsafe-folder; refuse damaged; }
folder=$held
verified "$folder" "$name" || refuse damaged

# 1. Extract what is asked for into a folder of ours, and compare it with the sums.
find "$folder" -maxdepth 1 -name '.making-*' -exec rm -rf {} +
work=$folder/.making-$$
mkdir "$work" && cd "$work" || fail "no working folder"
trap 'cd / && rm -rf "$work"' EXIT
trap 'fail "ended by a signal"' HUP INT TERM
number=0
for path; do
    # A missing member is told by its absence below.
    tar --numeric-owner -xpf "$folder/$name" ".$path" 2>/dev/null
    if [ -L ".$path" ] || [ ! -f ".$path" ]; then refuse not-held "$number"; fi
    sum=$(sha256sum ".$path") || fail "no sum of an extracted file"
    grep -F -x -q -e "$sum" "$folder/$name.contents" || refuse damaged
    number=$((number + 1))
done

# The folder of a file, as $at: that very one, with no symlink on the way to it, whatever its name leads to a moment later.
real=$(cd -P "$root/" && pwd -P) || fail "no folder $root/"
at=/proc/self/fd/4
aim() {
    expected=${real%/}${1%/*}
    command exec 4<"$root${1%/*}/." && [ "$(readlink $at)" = "${expected:-/}" ]
} 2>/dev/null

# 2. Lay each one beside its place; until here a failure has changed nothing.
new() { echo "$at/.certwright-restore-$1"; }
undo() {
    number=0
    for path; do
        if aim "$path"; then rm -f "$(new "$number")"; fi
        number=$((number + 1))
    done
}
number=0
for path; do
    [ -d "$root${path%/*}" ] || mkdir -p "$root${path%/*}" || { undo "$@"; fail "no folder for a file"; }
    aim "$path" || { unsafe=$number; undo "$@"; refuse unsafe-target "$unsafe"; }
    rm -f "$(new "$number")"
    cp -p ".$path" "$(new "$number")" && cmp -s ".$path" "$(new "$number")" ||
        { undo "$@"; fail "a file could not be laid beside its place"; }
    durable "$(new "$number")"
    number=$((number + 1))
done

# 3. Put them in place, each by a rename.
number=0
for path; do
    aim "$path" && mv -fT "$(new "$number")" "$at/${path##*/}" || { undo "$@"; echo interrupted; exit 74; }
    number=$((number + 1))
done
for path; do
    aim "$path" && durable "$at/." && cmp -s ".$path" "$at/${path##*/}" ||
        { echo interrupted; fail "a restored file is not what was put in place"; }
done
echo 'done'
