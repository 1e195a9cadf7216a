# Surveys files: arguments ROOT, DEPTH, then absolute paths. Prints one framed record a path, in their order; paths are
# numbered, never printed. No private key and no token leaves this script. DEPTH is `dates` (only what stat knows),
# `certificates` (those of PEM files too), `public` (kubeconfigs too), `keys` (all but digests) or `whole`: processes
# are what it costs.
set -uf
LC_ALL=C; export LC_ALL
umask 077
root=$1 depth=$2; shift 2
largest=262144
of_nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
for program in awk base64 cat grep openssl readlink sha256sum stat; do
    [ "$depth$program" != publicopenssl ] || continue
    command -v "$program" >/dev/null || { echo "$program: not found" >&2; exit 69; }
done

# Follows symlinks of the last component below ROOT; leaves the end in $real and the first target in $link.
resolve() {
    real=$1 link= linked=no hops=0
    while [ -L "$real" ]; do
        hops=$((hops + 1))
        [ "$hops" -le 16 ] || return 1
        target=$(readlink -n "$real"; printf x); target=${target%x}
        [ "$linked" = yes ] || { link=$target; linked=yes; }
        case $target in
            /*) real=$root$target ;;
            *) real=${real%/*}/$target ;;
        esac
    done
}

# Prints stdin as one word of base64.
word() { base64 -w 0; }

# Prints the digest of the public half of the first private key on stdin, or `unreadable`.
public_half() {
    sum=$(openssl pkey -pubout -outform DER -passin pass: 2>/dev/null | sha256sum)
    sum=${sum%% *}
    if [ "$sum" = "$of_nothing" ]; then echo unreadable; else echo "$sum"; fi
}

# Prints the complete CERTIFICATE blocks of a file on one line, a `.` for each end of line.
certificates() {
    awk '
        BEGIN { printf "pem " }
        { sub(/[ \t\r]+$/, "") }
        /^-----BEGIN CERTIFICATE-----$/ { block = $0 "."; inside = 1; next }
        inside && /^-----END CERTIFICATE-----$/ { printf "%s%s.", block, $0; inside = 0; next }
        inside && /^[A-Za-z0-9+\/=]+$/ { block = block $0 "."; next }
        { inside = 0 }
        END { print "" }
    ' <"$1"
}

# Prints a kubeconfig with every value replaced but those of the named fields; status 3 when a line leaves doubt.
redacted() {
    awk '
        BEGIN {
            split("apiVersion kind preferences clusters cluster certificate-authority-data certificate-authority " \
                "server tls-server-name insecure-skip-tls-verify contexts context user users name namespace " \
                "current-context client-certificate client-certificate-data client-key", list, " ")
            for (i in list) kept[list[i]] = 1
        }
        function doubt() { failed = 1; exit 3 }
        { sub(/[ \r]+$/, "") }
        /^ *$/ || /^ *#/ { next }
        /^---$/ { print; next }
        {
            if (!match($0, /^ *(- +)*[A-Za-z][A-Za-z0-9-]*:/)) {
                if (match($0, /^ *- +[^ ]/)) { print substr($0, 1, RLENGTH - 1) "REDACTED"; next }
                doubt()
            }
            field = substr($0, 1, RLENGTH)
            value = substr($0, RLENGTH + 1)
            name = field; gsub(/[ :]/, "", name); sub(/^-+/, "", name)
            if (value == "") { print; next }
            if (substr(value, 1, 1) != " ") doubt()
            sub(/^ +/, "", value)
            if (value == "{}" || value == "[]") { print; next }
            first = substr(value, 1, 1); last = substr(value, length(value), 1)
            if (index("|>&*!{[%@`?", first)) doubt()
            if ((first == "\"" || first == "\047") && (length(value) < 2 || last != first)) doubt()
            if (!(name in kept)) { print field " REDACTED"; next }
            # A private key among certificates, in base64 at each of its three places.
            if (value ~ /UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW|PRIVATE KEY/) doubt()
            print
        }
        END { if (failed) exit 3 }
    ' <"$1"
}

kubeconfig() {
    if grep -q -E '^(kind: *"?Config"? *$|clusters:|current-context:)' <"$1" && text=$(redacted "$1"); then
        printf 'kubeconfig '; printf '%s\n' "$text" | word; echo
        [ "$depth" != public ] || return 0
        awk '/^ *(- +)*client-key-data: *[^ ]/ { gsub(/^.*client-key-data: *|["\047 \r]/, ""); print }' <"$1" |
            while read -r encoded; do
                printf 'key '; printf '%s' "$encoded" | base64 -d 2>/dev/null | public_half
            done
    elif grep -q -E '^(kind: *"?Config"? *$|clusters:|current-context:)|"(clusters|current-context)"' <"$1"; then
        echo 'kubeconfig opaque'
    fi
}

# Whether keys are asked for.
keys_too() { case $depth in keys | whole) ;; *) return 1 ;; esac; }

# The certificates and keys of file $real, asked for as $path. A file of another name is what its content says.
content() {
    case $path in
        *.crt)
            certificates "$real"
            keys_too &&
                if resolve "$root${path%.crt}.key" && [ -f "$real" ]; then printf 'key '; public_half <"$real"; fi ;;
        *.pem)
            certificates "$real"
            if keys_too && grep -q -e 'PRIVATE KEY-----' <"$real"; then printf 'key '; public_half <"$real"; fi ;;
        *.key) if keys_too; then printf 'key '; public_half <"$real"; fi ;;
        *)
            if grep -q -e '^-----BEGIN CERTIFICATE-----' <"$real"; then
                certificates "$real"
                if keys_too && grep -q -e 'PRIVATE KEY-----' <"$real"; then printf 'key '; public_half <"$real"; fi
            elif [ "$depth" != certificates ]; then
                kubeconfig "$real"
            fi ;;
    esac
}

survey() {
    path=$1 kind=missing meta=
    if resolve "$root$path" && [ -e "$real" ]; then
        if [ -f "$real" ]; then kind=file; elif [ -d "$real" ]; then kind=folder; else kind=other; fi
        meta=$(stat -L -c '%a %u %g %s %Y %y' "$real" 2>/dev/null) || kind=missing
    fi
    found=$link
    if [ "$kind" = missing ]; then
        echo "path $number missing"
    else
        set -- $meta
        fraction=${7#*.}
        [ "$fraction" != "$7" ] || fraction=000000000
        sum=-
        case $depth$kind$path in
            *.key) ;;
            wholefile*) sum=$(sha256sum <"$real") && sum=${sum%% *} || sum=- ;;
        esac
        echo "path $number $kind $1 $2 $3 $4 $5.$fraction $sum"
    fi
    [ "$linked" = no ] || { printf 'link '; printf '%s' "$found" | word; echo; }
    [ "$depth" != dates ] || return 0
    if [ "$kind" = file ] && [ "$4" -le "$largest" ] && [ -r "$real" ]; then content; fi
}

case $depth in dates | certificates | public | keys | whole) ;; *) echo "no such depth" >&2; exit 64 ;; esac
echo 'survey 1'
number=0
for each; do
    case $each in
        /*) survey "$each" ;;
        *) echo "path $number is not absolute" >&2; exit 64 ;;
    esac
    number=$((number + 1))
done
echo "end $number"
