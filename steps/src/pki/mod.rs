//! Pure certificate facts: X.509, kubeconfigs, the files of a kubeadm node.
