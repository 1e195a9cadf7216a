# Collects what tells of a node's certificates, in one call: arguments ROOT, DEPTH (`keys`, or `public` for nothing of
# private keys). Prints the files that say where certificates are (the kubelet's and the static pods'), the paths they
# name, and then the survey of these paths, whose script follows this one. Reads only.
set -uf
LC_ALL=C; export LC_ALL
root=$1 depth=$2; shift 2
most=256
line='
'
for program in base64 cat date find grep head sed sort tail tr; do
    command -v "$program" >/dev/null || { echo "$program: not found" >&2; exit 69; }
done

# Prints a file as `text PATH CONTENT`, both in base64; nothing where there is none.
text() {
    [ -f "$root$1" ] && [ -r "$root$1" ] || return 0
    printf 'text '; printf '%s' "$1" | base64 -w 0; printf ' '; head -c 262144 <"$root$1" | base64 -w 0; echo
}

# Prints the paths of the kubelet's units and of the files they read, those that go before others last.
units() {
    for folder in /usr/lib/systemd/system /etc/systemd/system /run/systemd/system; do
        (cd "$root$folder" 2>/dev/null || exit 0
        find kubelet.service kubelet.service.d -maxdepth 1 -name '*.service' -o -name '*.conf' 2>/dev/null | sort |
            sed "s|^|$folder/|")
    done
    printf '%s\n' /etc/default/kubelet /etc/sysconfig/kubelet /var/lib/kubelet/kubeadm-flags.env
}

# Prints the last absolute path that a flag of the kubelet has.
flag() {
    printf '%s\n' "$flags" | sed -n "s|^\([A-Z_]*=\)\{0,1\}--$1=\(/.*\)$|\2|p" | tail -n 1
}

# Prints the absolute path that a field of the kubelet's configuration has.
field() {
    sed -n "s|^$1: *\"\{0,1\}\(/[^\"]*\)\"\{0,1\} *$|\1|p" <"$root$config" 2>/dev/null | tail -n 1
}

# Prints `COMPONENT:FLAG PATH` for each flag of the static pods that names one file.
named() {
    for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
        sed -n "s|^ *- *[\"']\{0,1\}--\([a-z-]*\)=\(/[^\"', ]*\)[\"']\{0,1\} *$|$component:\1 \2|p" \
            <"$root$manifests/$component.yaml" 2>/dev/null
    done
}

# Prints the certificates of the folder of the file that a flag names.
folder() {
    path=$(printf '%s\n' "$pairs" | sed -n "s|^$1 ||p" | tail -n 1)
    [ -n "$path" ] || return 0
    find "$root${path%/*}" -maxdepth 3 \( -name '*.crt' -o -name '*.pem' \) ! -name "*$line*" 2>/dev/null |
        sed "s|^$root||"
}

# Prints what the rest asks for, a path a line.
wanted() {
    printf '%s\n' "$pairs" | sed -n 's/^[a-z:-]*\(file\|kubeconfig\|certificate\) //p' | grep -v -e '\.key$' -e '\.pub$'
    folder kube-apiserver:tls-cert-file
    folder etcd:cert-file
    printf '%s\n' /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf "$conf" \
        "$own/kubelet-client-current.pem" "$own/kubelet-server-current.pem" "$own/kubelet.crt"
    field tlsCertFile
    sed -n 's|^ *client-certificate: *"\{0,1\}\(/[^"]*\)"\{0,1\} *$|\1|p' <"$root$conf" 2>/dev/null
}

files=$(units)
flags=$(printf '%s\n' "$files" | while read -r each; do
    [ ! -f "$root$each" ] || grep -v '^ *#' <"$root$each"
done | tr -s ' \t"\047' '\n')
config=$(flag config); config=${config:-/var/lib/kubelet/config.yaml}
conf=$(flag kubeconfig); conf=${conf:-/etc/kubernetes/kubelet.conf}
own=$(flag cert-dir); own=${own:-/var/lib/kubelet/pki}
manifests=$(field staticPodPath); manifests=${manifests:-$(flag pod-manifest-path)}
manifests=${manifests:-/etc/kubernetes/manifests}
pairs=$(named)

echo 'collect 1'
date '+clock %s.%N'
if [ "$depth" = public ]; then
    echo 'keys not-asked'
elif command -v openssl >/dev/null; then
    echo 'keys asked'
else
    echo 'keys no-openssl'; depth=public
fi
printf '%s\n' "$files" | while read -r each; do text "$each"; done
text "$config"
text /var/lib/kubelet/instance-config.yaml
for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do text "$manifests/$component.yaml"; done
paths=$(wanted | sort -u | head -n "$most")
printf 'paths '; printf '%s\n' "$paths" | base64 -w 0; echo
IFS=$line
set -- "$root" "$depth" $paths
unset IFS
