//! Texts about certificates and who accepts them.

use super::clue::{Side, instant};
use super::signature::{Grade, Signature};
use crate::span::span;

/// How far a clock may be off before it is blamed, seconds: below it a line is only read late.
const SKEW: i64 = 300;

/// What renews, where a cure says so: FILE is the reader's inventory.
pub const RENEW: &str = "certwright plan renew-control-plane --inventory FILE   # then `run`";

/// What the kubelet writes when its own client certificate has expired.
pub(super) static KUBELET: &[Signature] = &[
    Signature {
        id: "kubelet-trap",
        grade: Grade::Broken,
        texts: &[
            &["no valid client certificate is found and the server is responsive, exiting"],
            &["has expired and the server is responsive, exiting"],
            &["part of the existing bootstrap client certificate in ", "is expired"],
            &["unable to load bootstrap kubeconfig", "no such file or directory"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!(
                "the kubelet of {} has ended and cannot start: its client certificate has expired; what is stopped now does \
                 not come back",
                clue.host()
            ))
        },
        cure: |clue| kubelet_cure(clue.host()),
    },
    Signature {
        id: "kubelet-unknown",
        grade: Grade::Broken,
        texts: &[
            &["cannot create certificate signing request", "unauthorized"],
            &["user \"system:anonymous\" cannot"],
            &["user \\\"system:anonymous\\\" cannot"],
        ],
        unless: &[],
        over: &["certificate rotation detected", "\"rotating certificates\""],
        cause: |clue| {
            let host = clue.host();
            Some(match clue.component() {
                Some(component) if component != "kubelet" => {
                    format!(
                        "{component} on {host} is nobody to the API server: its client certificate is not valid"
                    )
                }
                Some(_) | None => format!(
                    "the kubelet of {host} is nobody to the API server: its client certificate is not valid, and it ends \
                     within minutes"
                ),
            })
        },
        cure: |clue| {
            let look = "openssl x509 -noout -dates -in /var/lib/kubelet/pki/kubelet-client-current.pem";
            std::iter::once(look.to_owned()).chain(kubelet_cure(clue.host())).collect()
        },
    },
];

/// A new kubelet.conf from the node's CA, as lines to be pasted.
fn kubelet_cure(host: &str) -> Vec<String> {
    [
        &format!("# as root on {host}; `certwright plan` prints the same with the node's own names"),
        "kubeadm init phase kubeconfig kubelet --kubeconfig-dir /etc/kubernetes/kubelet.new \\",
        "    --kubernetes-version \"$(kubeadm version -o short)\" &&",
        "mv -b /etc/kubernetes/kubelet.new/kubelet.conf /etc/kubernetes/ &&",
        "mkdir -p /var/lib/kubelet/expired &&",
        "find /var/lib/kubelet/pki -name 'kubelet-client*' -exec mv -t /var/lib/kubelet/expired {} + &&",
        "systemctl restart kubelet",
    ]
    .map(str::to_owned)
    .into()
}

/// One sentence of Go's for two faults; its dates tell them apart.
pub(super) static DATES: &[Signature] = &[
    Signature {
        id: "clock-behind",
        grade: Grade::Broken,
        texts: &[&["certificate has expired or is not yet valid", " is before "]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let dates = clue.dates().filter(|dates| dates.side == Side::Before)?;
            let of = clue.other().map(|other| format!(" of {other}")).unwrap_or_default();
            Some(format!(
                "a clock is wrong: that of {} said {}, and the certificate{of} begins at {}",
                clue.host(),
                instant(dates.clock),
                instant(dates.limit)
            ))
        },
        cure: |_| clocks(),
    },
    Signature {
        id: "clock-ahead",
        grade: Grade::Broken,
        texts: &[&["certificate has expired or is not yet valid", " is after "]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let dates = clue.dates()?;
            let ahead = dates.clock - clue.now();
            // An expired certificate is expired by every clock; a clock that is ahead is wrong about a good one.
            (ahead > SKEW && dates.limit > clue.now()).then(|| {
                format!(
                    "the clock of {} is {} ahead: it takes a certificate for expired that ends at {}",
                    clue.host(),
                    span(ahead),
                    instant(dates.limit)
                )
            })
        },
        cure: |_| clocks(),
    },
    Signature {
        id: "certificate-expired",
        grade: Grade::Broken,
        texts: &[
            &["certificate has expired or is not yet valid", " is after "],
            &["tls: expired certificate"],
            &["<invalid>", " utc "],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            if clue.has(&["<invalid>"]) {
                return Some(format!("certificates of {} have expired, says kubeadm", clue.host()));
            }
            let since =
                clue.dates().map(|dates| format!(" since {}", instant(dates.limit))).unwrap_or_default();
            Some(match clue.other() {
                Some(other) => format!("{} finds the certificate of {other} expired{since}", clue.speaker()),
                None => format!("{} finds a certificate expired{since}", clue.speaker()),
            })
        },
        cure: |_| vec![RENEW.to_owned()],
    },
    Signature {
        id: "certificate-dates",
        grade: Grade::Broken,
        texts: &[&["certificate has expired or is not yet valid"]],
        unless: &[" is after ", " is before "],
        over: &[],
        cause: |clue| {
            let of = clue.other().map(|other| format!(" of {other}")).unwrap_or_default();
            Some(format!(
                "{} finds the certificate{of} expired or not yet valid; the text does not say which: compare the dates with \
                 the clocks",
                clue.speaker()
            ))
        },
        cure: |_| {
            let look =
                "openssl x509 -noout -dates -in /etc/kubernetes/pki/apiserver.crt; date -u   # on every node";
            vec![look.to_owned(), RENEW.to_owned()]
        },
    },
];

fn clocks() -> Vec<String> {
    [
        "date -u; timedatectl status   # on every node and here",
        "chronyc makestep   # or systemctl restart systemd-timesyncd",
    ]
    .map(str::to_owned)
    .into()
}

/// Wrong CAs, names, keys and users.
pub(super) static OTHERS: &[Signature] = &[
    Signature {
        id: "wrong-ca",
        grade: Grade::Broken,
        texts: &[&["certificate signed by unknown authority"], &["tls: unknown certificate authority"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let of = clue.other().map(|other| format!(" of {other}")).unwrap_or_default();
            Some(format!("{} does not know the CA that signed the certificate{of}", clue.speaker()))
        },
        cure: |_| {
            [
                "openssl x509 -noout -fingerprint -sha256 -in /etc/kubernetes/pki/ca.crt   # the same on every node?",
                "kubectl --kubeconfig=/etc/kubernetes/admin.conf get cm kube-root-ca.crt -n kube-system -o yaml   # what the cluster trusts",
                "put the CA and its key that the cluster trusts back on the node that differs; then renew",
            ]
            .map(str::to_owned)
            .into()
        },
    },
    Signature {
        id: "name-mismatch",
        grade: Grade::Broken,
        texts: &[&["x509: certificate is valid for ", ", not "], &["doesn't contain any ip sans"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            let of = clue.other().unwrap_or_else(|| "a server".to_owned());
            Some(format!(
                "the certificate of {of} is for other names (a file of another node?), says {}",
                clue.speaker()
            ))
        },
        cure: |_| {
            [
                "openssl x509 -noout -ext subjectAltName -in /etc/kubernetes/pki/apiserver.crt   # on that node",
                "mv /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key /root/ && kubeadm init phase certs apiserver",
            ]
            .map(str::to_owned)
            .into()
        },
    },
    Signature {
        id: "key-mismatch",
        grade: Grade::Broken,
        texts: &[&["private key does not match public key"]],
        unless: &[],
        over: &[],
        cause: |clue| Some(format!("{} reads a private key that is not its certificate's", clue.speaker())),
        cure: |_| {
            vec![
                "certwright plan renew-control-plane --inventory FILE --set force=true   # then `run`"
                    .to_owned(),
            ]
        },
    },
    Signature {
        id: "peer-refused",
        grade: Grade::Broken,
        texts: &[
            &["rejected connection", "bad certificate"],
            &["rejected connection", "unknown certificate"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            let other = clue.other().unwrap_or_else(|| "a client".to_owned());
            Some(format!("{other} does not accept the certificate that {} serves", clue.speaker()))
        },
        cure: |_| vec![RENEW.to_owned()],
    },
    Signature {
        id: "stale-credential",
        grade: Grade::Broken,
        texts: &[
            &["unauthorized"],
            &["you must be logged in to the server"],
            &["the server has asked for the client to provide credentials"],
        ],
        // A setting of the kubelet's.
        unless: &["cacheunauthorizedttl"],
        over: &["successfully acquired lease"],
        cause: |clue| {
            Some(match clue.component() {
                Some("kube-apiserver") | None => format!(
                    "the API server does not accept the user of {}: a stale kubeconfig, or an expired one",
                    clue.speaker()
                ),
                Some(component) => format!(
                    "{component} on {} holds a credential that the API server does not accept: it was renewed and {component} \
                     not restarted, or it has expired",
                    clue.host()
                ),
            })
        },
        cure: |clue| {
            match clue.component() {
            Some("kube-apiserver") | None => vec![
                "kubectl config view --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d | openssl x509 -noout -dates"
                    .to_owned(),
                RENEW.to_owned(),
            ],
            Some(component) => vec![
                format!("crictl stop --timeout 5 \"$(crictl ps --name '^{component}$' -q)\"   # on {}; the kubelet starts it anew", clue.host()),
                RENEW.to_owned(),
            ],
        }
        },
    },
];
