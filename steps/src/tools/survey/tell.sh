# Prints the public half of the first private key on stdin, or nothing.
public_half() { openssl pkey -pubout -passin pass: 2>/dev/null; }

# Prints the public halves of the private keys of the items.
public_halves() {
    printf %s "$besides" | while IFS= read -r each; do
        echo "key ${each%% *}"
        public_half <"${each#* }"
    done
    held=$(awk "$content" keys "$facts" "$sums" "$@") || exit 70
    for each; do
        case $line$held$line in
            *"$line${each%% *}$line"*) echo "key ${each%% *}"; public_half <"/${each#*/}" ;;
        esac
    done
    printf '%s\n' "$held" | while read -r each encoded; do
        [ -n "$encoded" ] || continue
        echo "key $each"
        printf %s "$encoded" | base64 -d 2>/dev/null | public_half
    done
}

needs awk stat
[ -z "$root" ] || needs readlink
tries=0
until take_down "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || { echo 'files come and go too fast to be looked at' >&2; exit 75; }
done
echo 'survey 2'
printf %s "$heads"
set -f
IFS=$line
sums=
if [ -n "$summed" ]; then
    sums=$(sha256sum -- $summed 2>/dev/null) ||
        sums=$(for each in $summed; do sha256sum -- "$each" 2>/dev/null || echo -; done)
fi
set -- $items
unset IFS
awk "$content" frame "$facts" "$sums" "$@" || exit 70
case $line$items in *" keys "* | *" whole "*) public_halves "$@" ;; esac
echo "end $number"
