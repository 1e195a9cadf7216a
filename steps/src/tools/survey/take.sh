# Looks at files of a node: arguments ROOT, then groups of absolute paths, each behind the word that says what is asked.
# Prints one framed record a path, numbered as they come; only names that it found itself are printed. No private key and
# no token leaves this script. The words:
#   dates         what stat knows
#   certificates  the certificates of `.crt` and `.pem` files, too
#   public        kubeconfigs, too
#   keys          the public halves of private keys, too; `keys-if-openssl` is `public` where there is no openssl
#   whole         digests, too
#   text          the lines of a file of configuration
#   units         folders: the kubelet's units and drop-ins there, as `text`
#   folders       folders: the `.crt` and `.pem` files there, three deep, to the depth of the group before
# Processes are what it costs a node: one stat and one awk for everything, an openssl a key.
set -u
LC_ALL=C; export LC_ALL
umask 077
root=$1; shift
# Files that are looked at, names that are told, and odd ones, of those that are found.
most=256 listed=1024 strange=16
line='
'
needs() {
    for program; do
        command -v "$program" >/dev/null || { echo "$program: not found" >&2; exit 69; }
    done
}

# Where the path $1 leads, in $real: on a node itself the system follows symlinks; below a ROOT those of the last component
# are followed as if it were `/`.
resolve() {
    real=$1 hops=0
    [ -n "$root" ] || return 0
    while [ -L "$real" ]; do
        hops=$((hops + 1))
        [ "$hops" -le 16 ] || return 1
        target=$(readlink -n "$real"; printf x); target=${target%x}
        case $target in
            /*) real=$root$target ;;
            *) real=${real%/*}/$target ;;
        esac
    done
}

# Prints mode, owner, group, size and time of the file $1, whose name no line can hold, and its digest.
alone() {
    sum=-
    case $depth$kind$form in whole*key) ;; wholefile*) sum=$(sha256sum <"$1") && sum=${sum%% *} || sum=- ;; esac
    set -- $(stat -L -c '%a %u %g %s %Y %y' -- "$1" 2>/dev/null)
    fraction=${7#*.}
    [ "$fraction" != "$7" ] || fraction=0
    echo "$1 $2 $3 $4 $5.$fraction $sum"
}

# Takes down what is at the path $1: an item is `NUMBER DEPTH KIND FORM FILE`.
look() {
    kind=missing form=other
    case $1 in *.crt) form=crt ;; *.pem) form=pem ;; *.key) form=key ;; esac
    if resolve "$root$1" && [ -e "$real" ]; then
        if [ -f "$real" ]; then kind=file; elif [ -d "$real" ]; then kind=folder; else kind=other; fi
    fi
    case $kind$real in
        missing*) heads="${heads}path $number missing$line" ;;
        # It is not looked into.
        *"$line"*) heads="${heads}path $number $kind $(alone "$real")$line" ;;
        *)
            items="$items$number $depth $kind $form $real$line" files=$files$real$line
            case $depth$kind$form in
                whole*key) ;;
                wholefile*) summed=$summed$real$line ;;
            esac
            case $depth$kind$form in
                keysfilecrt | wholefilecrt)
                    if resolve "$root${1%.crt}.key" && [ -f "$real" ]; then
                        besides="$besides$number $real$line"
                    fi ;;
            esac ;;
    esac
    number=$((number + 1))
}

# Tells of a path that was found, and that no line can hold, in one line.
odd() {
    [ "$odds" -lt "$strange" ] || return 0
    odds=$((odds + 1)) told=$1
    while case $told in *"$line"*) ;; *) false ;; esac; do told=${told%%"$line"*}'\n'${told#*"$line"}; done
    heads="${heads}odd $told$line"
}

# Takes down a path that was found, once.
found() {
    case $1 in *"$line"*) odd "$1"; return ;; esac
    case $known in *"$line$1$line"*) return ;; esac
    known=$known$1$line
    [ "$names" -lt "$listed" ] || return 0
    names=$((names + 1))
    if [ "$names" -le "$most" ]; then
        heads="${heads}found $number $1$line"
        look "$1"
    else
        heads="${heads}named $1$line"
    fi
}

units() {
    for each in "$root$1/kubelet.service" "$root$1"/kubelet.service.d/.*.conf "$root$1"/kubelet.service.d/*.conf; do
        if [ -e "$each" ] || [ -L "$each" ]; then found "${each#"$root"}"; fi
    done
}

# The certificates of the folder $1, and of the folders in it while $2 is not empty.
folder() {
    for each in "$root$1"/.crt "$root$1"/.pem "$root$1"/.*.crt "$root$1"/.*.pem "$root$1"/*.crt "$root$1"/*.pem; do
        if [ -e "$each" ] || [ -L "$each" ]; then found "${each#"$root"}"; fi
    done
    [ -n "$2" ] || return 0
    for each in "$root$1"/.[!.]* "$root$1"/*; do
        if [ -d "$each" ] && [ ! -L "$each" ]; then folder "${each#"$root"}" "${2#?}"; fi
    done
}

# Takes down everything that is asked for.
take_down() {
    heads= items= files= summed= besides= known=$line number=0 names=0 odds=0 depth=none group=none
    for asked; do
        case $asked in
            /*)
                case $group in
                    paths) known=$known$asked$line; look "$asked" ;;
                    units) units "$asked" ;;
                    folders) folder "$asked" .. ;;
                    none) echo 'no word says what is asked' >&2; exit 64 ;;
                esac ;;
            dates | certificates | public | text) group=paths depth=$asked ;;
            keys) group=paths depth=keys; needs base64 openssl ;;
            whole) group=paths depth=whole; needs base64 openssl sha256sum ;;
            keys-if-openssl)
                group=paths depth=public
                if command -v openssl >/dev/null; then
                    needs base64
                    depth=keys
                else
                    heads="${heads}no-openssl$line"
                fi ;;
            units) group=units depth=text ;;
            folders) group=folders ;;
            *) echo "path $number is not absolute, and no such word is known" >&2; exit 64 ;;
        esac
    done
    # One that went away meanwhile makes this fail.
    facts=$(set -f; IFS=$line; stat -L -c '%a %u %g %s %Y %y' -- /proc/self $files 2>/dev/null)
}
