//! Texts about servers that do not answer: etcd, the API server, the container runtime.

use super::clue::Clue;
use super::signature::{Grade, Signature};

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).into()
}

/// In the order in which they are tried.
pub(super) static ALL: &[Signature] = &[
    Signature {
        id: "etcd-no-leader",
        grade: Grade::Broken,
        texts: &[
            &["raft no leader"],
            &["etcdserver: no leader"],
            &["failed to commit proposal: context deadline exceeded"],
            &["etcdserver: request timed out"],
        ],
        unless: &[],
        over: &["elected leader ", "established leader"],
        cause: |clue| Some(format!("etcd has no leader, so no quorum: {} can write nothing", clue.speaker())),
        cure: |_| {
            lines([
                "curl -s http://127.0.0.1:2381/health   # on every node: which members answer?",
                super::RENEW,
            ])
        },
    },
    Signature {
        id: "etcd-silent",
        grade: Grade::Broken,
        texts: &[
            &["failed to fetch endpoints from etcd cluster member list"],
            &["waiting for new lb policy update"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| Some(format!("etcd answers {} nothing: it is down, or has no quorum", clue.speaker())),
        cure: |_| {
            lines(["crictl ps -a --name '^etcd$'; curl -s http://127.0.0.1:2381/health   # on every node"])
        },
    },
    Signature {
        id: "api-without-etcd",
        grade: Grade::Broken,
        texts: &[&["[-]etcd"]],
        unless: &[],
        over: &["[+]etcd"],
        cause: |clue| Some(format!("the API server on {} runs and does not reach etcd", clue.host())),
        cure: |_| {
            lines([
                "crictl logs --tail 50 \"$(crictl ps --name '^kube-apiserver$' -q)\"; curl -s http://127.0.0.1:2381/health",
            ])
        },
    },
    Signature {
        id: "etcd-waits-for-peers",
        grade: Grade::Broken,
        texts: &[&["starting initial corruption check"], &["failed hash kv request"]],
        unless: &[],
        over: &["initial corruption checking passed", "ready to serve client requests"],
        cause: |clue| {
            Some(format!(
                "etcd on {} is starting and asks every other member first (InitialCorruptCheck): about 27 s for each that is \
                 absent",
                clue.host()
            ))
        },
        cure: |_| {
            lines([
                "wait half a minute for each member that is down, and bring those back; do not restart it again",
            ])
        },
    },
    Signature {
        id: "runtime-silent",
        grade: Grade::Broken,
        texts: &[
            &["validate service connection", "code = unavailable"],
            &["validate service connection", "no such file or directory"],
            &["is not implemented for endpoint"],
            &["dial unix ", ".sock: connect: "],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            let socket = clue
                .after("dial unix ")
                .or_else(|| clue.after("endpoint \\\""))
                .or_else(|| clue.after("endpoint \""));
            let at = socket.map(|socket| format!(" at {socket}")).unwrap_or_default();
            Some(format!(
                "no container runtime answers {}{at}: it is down, or this is the wrong endpoint",
                clue.speaker()
            ))
        },
        cure: |_| {
            lines([
                "grep -r containerRuntimeEndpoint /var/lib/kubelet/config.yaml /var/lib/kubelet/instance-config.yaml   # the right one",
                "systemctl status containerd crio; ls -l /run/containerd/containerd.sock /var/run/crio/crio.sock",
            ])
        },
    },
    Signature {
        id: "runtime-deadline",
        grade: Grade::Broken,
        texts: &[
            &["code = deadlineexceeded", "from runtime service failed"],
            &["context deadline exceeded", "stopping the container"],
            &["context deadline exceeded", "from runtime service failed"],
            &["context deadline exceeded", "failed to stop container"],
            &["validate service connection", "context deadline exceeded"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!(
                "the container runtime on {} did not answer in time; what was asked for may have happened all the same",
                clue.host()
            ))
        },
        cure: |clue| {
            let id = clue.after("containerID=\"").or_else(|| clue.after("container \\\"")).unwrap_or("ID");
            vec![
                format!(
                    "crictl --timeout 60s inspect {id} | grep '\"state\"'   # exited? then it has worked"
                ),
                format!("crictl --timeout 60s stop --timeout 30 {id}   # else the same again"),
            ]
        },
    },
    Signature {
        id: "no-kubeconfig",
        grade: Grade::Note,
        texts: &[&["localhost:8080"], &["127.0.0.1:8080", "connection refused"]],
        unless: &[],
        over: &[],
        cause: |clue| Some(format!("{} was given no kubeconfig, so it asked localhost:8080", clue.speaker())),
        cure: |_| lines(["kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes"]),
    },
    Signature {
        id: "asks-the-internet",
        grade: Grade::Note,
        texts: &[&["could not fetch a kubernetes version from the internet"]],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!("{} asked the internet for a version, in vain: that costs time", clue.speaker()))
        },
        cure: |_| {
            lines(["kubeadm ... --kubernetes-version \"$(kubeadm version -o short)\"   # or --config FILE"])
        },
    },
    Signature {
        id: "back-off",
        grade: Grade::Broken,
        texts: &[
            &["waiting=crashloopbackoff"],
            &["\"crashloopbackoff\""],
            &["(crashloopbackoff)"],
            &["restarting failed container"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            let name = clue.after("failed container=").or_else(|| clue.after("container="));
            let name = name.unwrap_or("a container");
            Some(format!(
                "the kubelet waits before it starts {name} on {} again (back-off, 5 min at most)",
                clue.host()
            ))
        },
        cure: |_| {
            lines([
                "crictl ps -a --state exited   # which one, how often",
                "crictl logs --tail 50 ID   # why it ended; another stop only makes the wait longer",
            ])
        },
    },
    Signature {
        id: "not-listening",
        grade: Grade::Broken,
        texts: &[
            &["connection refused"],
            &["was refused - did you specify the right host or port"],
            &["couldn't connect to server"],
        ],
        unless: &["dial udp", "read udp"],
        over: &[],
        cause: |clue| {
            let who = refuses(clue).unwrap_or_else(|| "a server".to_owned());
            Some(format!("{who} does not listen, says {}: it is down, or starting", clue.speaker()))
        },
        cure: |_| {
            lines([
                "crictl ps -a   # on that node: is its container there, how old is it?",
                "systemctl is-active kubelet   # it starts what is down",
            ])
        },
    },
    Signature {
        id: "connection-cut",
        grade: Grade::Broken,
        texts: &[
            &["unable to connect to the server: eof"],
            &["recv failure: connection reset by peer"],
            &["tls handshake timeout"],
            &["unable to connect to the server", "i/o timeout"],
        ],
        unless: &[],
        over: &[],
        cause: |clue| {
            Some(format!(
                "the server takes the connection of {} and does not serve it: it is starting, or etcd is down",
                clue.speaker()
            ))
        },
        cure: |_| {
            lines([
                "crictl ps -a --name 'kube-apiserver|etcd'   # on that node",
                "curl -s http://127.0.0.1:2381/health",
            ])
        },
    },
];

/// Who refused, where the line says it.
fn refuses(clue: &Clue<'_>) -> Option<String> {
    if let (Some(address), Some(port)) = (clue.after("Failed to connect to "), clue.after(" port ")) {
        return Some(super::clue::named(&format!("{address}:{port}")));
    }
    clue.other()
}
