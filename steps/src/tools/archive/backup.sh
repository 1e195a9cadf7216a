# Makes a backup: arguments ROOT, archive, paths.
archive=$1; shift
plain_path "$archive"
folder=$root${archive%/*}
name=${archive##*/}
safe_name "$name" || usage "the archive's name is not plain"

number=0
for path; do
    shift
    plain_path "$path"
    case $archive in "$path"/*) refuse inside "$number" ;; esac
    if [ -L "$root$path" ] && [ -d "$root$path" ]; then refuse linked "$number"; fi
    if [ -e "$root$path" ] || [ -L "$root$path" ]; then set -- "$@" ".$path"; fi
    number=$((number + 1))
done
[ "$#" -gt 0 ] || refuse nothing

mkdir -p "$folder" || fail "the folder of backups cannot be made"
hold "$folder" || refuse unsafe-folder
named=$folder folder=$held
if [ -e "$folder/$name.sha256" ]; then
    if verified "$folder" "$name"; then refuse exists; fi
fi
# One mutating command runs on a node at a time: what is left over was cut off.
find $folder -maxdepth 1 -name '.making-*' -exec rm -rf {} +
rm -f "$folder/$name.sha256" "$folder/$name.contents" "$folder/$name"

cd "$root/" || fail "no folder $root/"
size=$(du -sk "$@" | awk '{ sum += $1 } END { print sum + 0 }')
need=$((size * 2 + 1024))
have=$(free_kib "$folder")
[ "${have:-0}" -ge "$need" ] || refuse no-space "$need" "${have:-0}"

work=$folder/.making-$$
mkdir "$work" || fail "no working folder"
trap 'cd / && rm -rf "$work"' EXIT
trap 'fail "ended by a signal"' HUP INT TERM
contents "$@" >"$work/$name.contents"
description "$@" >"$work/description"
tar --format=posix --numeric-owner -cf "$work/$name" "$@" || fail "tar could not read everything"
mkdir "$work/back" && cd "$work/back" || fail "no folder to read back"
tar --numeric-owner -xpf "../$name" || fail "tar could not read back what it wrote"
contents "$@" >../contents.back
description "$@" >../description.back
cmp -s ../contents.back "../$name.contents" && cmp -s ../description.back ../description || refuse differs
cd "$work" || fail "no working folder"
rm -rf back
sha256sum "$name" "$name.contents" >"$name.sha256" || fail "no sums"
durable "$name" "$name.contents" "$name.sha256"
mv "$name" "$name.contents" "$folder/" || fail "the backup could not be put in place"
# The sums come last: without them the others do not count.
mv "$name.sha256" "$folder/" || fail "the backup could not be put in place"
durable "$folder"
verified "$folder" "$name" || fail "the backup is damaged"
[ "$named" -ef "$folder" ] || fail "the folder of backups was moved away meanwhile"
echo 'done'
