#!/bin/bash
# The renewal as a careful administrator would script it: one connection a node (ControlMaster), the same changes in
# the same order as the shipped plan's, no look at anything but what has to be waited for.
#
#   renew.sh SSH_CONFIG KUBECONFIG
set -euo pipefail
config=$1 kubeconfig=$2

on() {
    local node=$1
    shift
    ssh -F "$config" "$node" "sudo -n $*"
}

renew() {
    on "$1" "sh -c 'umask 077; mkdir -p /var/lib/certwright/backups && cd / && tar -cf /var/lib/certwright/backups/renewal.tar etc/kubernetes var/lib/kubelet/pki'"
    on "$1" kubeadm certs renew all
}

# Stops a container, and waits until another one runs and says that it is ready.
restart() {
    local node=$1 name=$2 health=$3 old
    old=$(on "$node" crictl ps -q --name "'^$name\$'")
    on "$node" crictl --timeout 30s stop --timeout 5 "$old" >/dev/null
    until on "$node" sh -s -- "$name" "$old" "$health" <<'END'; do sleep 1; done
new=$(crictl ps -q --name "^$1\$") && test -n "$new" && test "$new" != "$2" || exit 1
case $(curl -sk "$3") in ok | *'"health":"true"'*) exit 0 ;; *) exit 1 ;; esac
END
}

restart_all() {
    restart "$1" etcd http://127.0.0.1:2381/health
    restart "$1" kube-apiserver https://127.0.0.1:6443/readyz
    restart "$1" kube-controller-manager https://127.0.0.1:10257/healthz
    restart "$1" kube-scheduler https://127.0.0.1:10259/healthz
}

renew cp-1
renew cp-2 & second=$!
renew cp-3 & third=$!
wait $second
wait $third
for node in cp-1 cp-2 cp-3; do restart_all $node; done
(umask 077; on cp-1 cat /etc/kubernetes/admin.conf >"$kubeconfig.new")
mv "$kubeconfig.new" "$kubeconfig"
kubectl --kubeconfig="$kubeconfig" rollout restart daemonset etcd-defrag -n kube-system
kubectl --kubeconfig="$kubeconfig" rollout status daemonset etcd-defrag -n kube-system --timeout=600s
for node in cp-1 cp-2 cp-3; do ssh -F "$config" -O exit $node; done
