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
private_folder "$folder" || { [ -e "$folder" ] && refuse unsafe-folder; refuse damaged; }
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

# 2. Lay each one beside its place; until here a failure has changed nothing.
beside() { echo "${1%/*}/.certwright-restore-$2"; }
undo() {
    number=0
    for path; do
        rm -f "$(beside "$root$path" "$number")"
        number=$((number + 1))
    done
}
number=0
for path; do
    mkdir -p "$root${path%/*}" || { undo "$@"; fail "no folder for a file"; }
    new=$(beside "$root$path" "$number")
    rm -f "$new"
    cp -p ".$path" "$new" && cmp -s ".$path" "$new" || { undo "$@"; fail "a file could not be laid beside its place"; }
    durable "$new"
    number=$((number + 1))
done

# 3. Put them in place, each by a rename.
number=0
for path; do
    mv -f "$(beside "$root$path" "$number")" "$root$path" || { undo "$@"; echo interrupted; exit 74; }
    number=$((number + 1))
done
for path; do
    durable "$root${path%/*}"
    cmp -s ".$path" "$root$path" || { echo interrupted; fail "a restored file is not what was put in place"; }
done
echo 'done'
