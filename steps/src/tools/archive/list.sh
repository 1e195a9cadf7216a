# Lists backups: arguments ROOT, folder, paths to compare with. Changes nothing.
plain_path "$1"
folder=$root$1; shift
for path; do
    shift
    plain_path "$path"
    if [ -e "$root$path" ] || [ -L "$root$path" ]; then set -- "$@" ".$path"; fi
done
count=0
if [ -e "$folder" ]; then
    hold "$folder" || refuse unsafe-folder
    now=nothing
    if [ "$#" -gt 0 ]; then
        cd "$root/" || fail "no folder $root/"
        now=$(contents "$@" | sha256sum)
    fi
    cd $held || fail "no folder $folder"
    set +f
    for name in *.tar; do
        [ -f "$name" ] && [ ! -L "$name" ] && safe_name "$name" || continue
        state=damaged
        if verified . "$name"; then
            if [ "$(sha256sum <"$name.contents")" = "$now" ]; then state=current; else state=older; fi
        fi
        meta=$(stat -c '%s %Y %y' "$name") || continue
        set -- $meta
        fraction=${4#*.}
        [ "$fraction" != "$4" ] || fraction=0
        echo "archive $name $2.$fraction $1 $state"
        count=$((count + 1))
    done
fi
echo "end $count"
