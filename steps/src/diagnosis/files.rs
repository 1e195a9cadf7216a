//! Texts about disks, and what kubeadm says of the files it keeps.

use super::signature::{Grade, Signature};

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).into()
}

/// Nothing can be written: whatever else is said follows from it.
pub(super) static DISK: &[Signature] = &[
    Signature {
        id: "no-space",
        grade: Grade::Broken,
        texts: &[&["no space left on device"], &["mvcc: database space exceeded"], &["etcdserver: no space"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let quota = clue.has(&["database space exceeded", "etcdserver: no space"]);
            let what = if quota { "etcd's own quota is used up" } else { "a file system is full" };
            Some(format!("{what}: {} cannot write", clue.speaker()))
        },
        cure: |clue| {
            if clue.has(&["database space exceeded", "etcdserver: no space"]) {
                return lines([
                    "etcdctl endpoint status; etcdctl compact REV; etcdctl defrag; etcdctl alarm disarm   # in that order",
                ]);
            }
            lines(["df -h; df -i   # on that node", "journalctl --vacuum-size=200M; crictl rmi --prune"])
        },
    },
    Signature {
        id: "read-only",
        grade: Grade::Broken,
        texts: &[&["read-only file system"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!("a file system of {} is read-only: {} cannot write", clue.host(), clue.speaker()))
        },
        cure: |_| {
            lines([
                "dmesg | tail; findmnt -t ext4,xfs -O ro   # why",
                "mount -o remount,rw /   # once the disk is sound",
            ])
        },
    },
    Signature {
        id: "disk-error",
        grade: Grade::Broken,
        texts: &[&["input/output error"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!("a disk of {} fails: {} gets input/output errors", clue.host(), clue.speaker()))
        },
        cure: |_| {
            lines([
                "dmesg -T | grep -iE 'i/o error|ata|nvme|ext4|xfs' | tail   # which disk",
                "smartctl -H /dev/DISK",
            ])
        },
    },
];

/// What kubeadm says of certificates.
pub(super) static KUBEADM: &[Signature] = &[
    Signature {
        id: "certificate-missing",
        grade: Grade::Broken,
        texts: &[&["missing! "]],
        // On every node but the one that ran `init`.
        unless: &["super-admin"],
        over: &[],
        cause: |clue| {
            let name = clue.line.split("MISSING!").nth(1).unwrap_or_default().trim();
            Some(format!("{} lacks a file: {name}; kubeadm passes over it and exits 0", clue.host()))
        },
        cure: |_| {
            lines([
                "kubeadm certs check-expiration   # its name is that after !MISSING!",
                "kubeadm init phase certs NAME   # for X.conf: kubeadm init phase kubeconfig X",
            ])
        },
    },
    Signature {
        id: "external-ca",
        grade: Grade::Broken,
        texts: &[
            &["detected external ", "can't be renewed"],
            &["\"externallymanaged\": true"],
            &[" utc ", "yes"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            if !clue.has(&["detected external", "externallymanaged"])
                && !clue.line.trim_end().ends_with(" yes")
            {
                return None;
            }
            let ca = clue.after("external ").filter(|_| clue.has(&["detected external"]));
            let ca = ca.map(|ca| format!(" ({ca})")).unwrap_or_default();
            Some(format!(
                "a CA{ca} has no key on {}: it is external, and kubeadm renews nothing of it, exit 0",
                clue.host()
            ))
        },
        cure: |_| {
            lines([
                "ls -l /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/etcd/ca.key /etc/kubernetes/pki/front-proxy-ca.key",
                "renew those certificates where that CA's key is kept, or bring the key back if it was lost by mistake",
            ])
        },
    },
    Signature {
        id: "certificate-unreadable",
        grade: Grade::Broken,
        texts: &[&["failed to load existing certificate"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let path = clue.after("error reading ").unwrap_or("a certificate");
            Some(format!(
                "{path} on {} is no certificate: kubeadm stops there, and what comes after is not renewed",
                clue.host()
            ))
        },
        cure: |clue| {
            let path = clue.after("error reading ").unwrap_or("FILE");
            vec![format!(
                "mv {path} {path}.broken; kubeadm init phase certs NAME   # kubeadm's name of it, its key moved too"
            )]
        },
    },
    Signature {
        id: "file-unwritable",
        grade: Grade::Broken,
        texts: &[&["couldn't write key"], &["couldn't write cert"], &["failed to write new certificate"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let path = clue.after("to file ").unwrap_or("a file");
            Some(format!("{path} on {} cannot be written: the renewal stopped half-way", clue.host()))
        },
        cure: |clue| {
            let path = clue.after("to file ").unwrap_or("FILE");
            vec![format!(
                "lsattr {path}; ls -l {path}; findmnt -T {path}   # immutable (chattr -i), or read-only?"
            )]
        },
    },
    Signature {
        id: "kubeadm-defaults",
        grade: Grade::Note,
        texts: &[&["error reading configuration from the cluster", "falling back to default configuration"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!(
                "kubeadm on {} could not ask the API server (10 s each time) and used defaults: an external etcd and another \
                 certificatesDir are ignored",
                clue.host()
            ))
        },
        cure: |_| {
            lines([
                "kubeadm certs check-expiration --config FILE   # a ClusterConfiguration, where yours is not the default",
            ])
        },
    },
];
