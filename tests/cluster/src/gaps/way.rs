//! The ways to renew that are measured.

/// How the certificates of a cluster are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the page says, typed by somebody quick: no waiting but for a new container that runs.
    Page,
    /// The shipped plan.
    All,
    /// The shipped plan, restarting only what needs it.
    Needed,
}

/// The page's steps 4 to 7, node after node.
const PAGE: &str = r#"
set -eu
for node in cp-1 cp-2 cp-3; do
    ssh "$node" sudo -n cp -a /etc/kubernetes /root/kubernetes-backup
    ssh "$node" sudo -n kubeadm certs renew all
    for name in kube-apiserver kube-scheduler kube-controller-manager etcd; do
        id=$(ssh "$node" sudo -n crictl ps -q --name "'^$name\$'")
        tries=0
        until ssh "$node" sudo -n crictl stop "$id"; do
            tries=$((tries + 1))
            [ "$tries" -lt 5 ]
        done
        tries=0
        while :; do
            new=$(ssh "$node" sudo -n crictl ps -q --name "'^$name\$'")
            if [ -n "$new" ] && [ "$new" != "$id" ]; then break; fi
            tries=$((tries + 1))
            [ "$tries" -lt 600 ]
            sleep 0.1
        done
    done
done
tries=0
until ssh cp-1 sudo -n kubectl get nodes --kubeconfig=/etc/kubernetes/admin.conf; do
    tries=$((tries + 1))
    [ "$tries" -lt 120 ]
    sleep 1
done
"#;

impl Way {
    /// All, the page first.
    pub const ALL: [Self; 3] = [Self::Page, Self::All, Self::Needed];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::All => "all",
            Self::Needed => "needed",
        }
    }

    /// What it is, in the table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Page => "the page by hand (no waiting but for Running)",
            Self::All => "certwright run",
            Self::Needed => "certwright run --set restart=needed",
        }
    }

    /// Program and arguments, on the workstation.
    pub(super) fn command(self) -> Vec<&'static str> {
        let run = ["certwright", "run", "renew-control-plane", "--inventory", "inventory.toml", "--yes=lab"];
        match self {
            Self::Page => vec!["bash", "-c", PAGE],
            Self::All => run.to_vec(),
            Self::Needed => [&run[..], &["--set", "restart=needed"]].concat(),
        }
    }
}
