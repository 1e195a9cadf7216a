//! How each component is started: the flags of the static manifests, those that matter here.

use certwright_cluster::load::report::Report;

use super::{Ground, eventually};

impl Ground {
    /// Starts the etcd member of a node.
    pub(crate) fn start_etcd(&mut self, node: usize) {
        let path = |name: &str| self.path(node, name).display().to_string();
        let (own, all) = (self.address(node), 1..=self.nodes);
        let members: Vec<String> =
            all.map(|node| format!("cp-{node}=https://{}:2380", self.address(node))).collect();
        let args = [
            format!("--name=cp-{node}"),
            format!("--data-dir={}", path("etcd")),
            format!("--listen-client-urls=https://{own}:2379"),
            format!("--advertise-client-urls=https://{own}:2379"),
            format!("--listen-peer-urls=https://{own}:2380"),
            format!("--initial-advertise-peer-urls=https://{own}:2380"),
            format!("--listen-metrics-urls=http://{own}:2381"),
            format!("--initial-cluster={}", members.join(",")),
            format!("--cert-file={}", path("etcd-server.crt")),
            format!("--key-file={}", path("etcd-server.key")),
            format!("--trusted-ca-file={}", path("etcd-ca.crt")),
            format!("--peer-cert-file={}", path("etcd-server.crt")),
            format!("--peer-key-file={}", path("etcd-server.key")),
            format!("--peer-trusted-ca-file={}", path("etcd-ca.crt")),
            "--client-cert-auth=true".to_owned(),
            "--peer-client-cert-auth=true".to_owned(),
        ];
        self.spawn(node, "etcd", "etcd", &args);
    }

    /// Starts the API server of a node.
    pub(crate) fn start_api(&mut self, node: usize) {
        let path = |name: &str| self.path(node, name).display().to_string();
        let own = self.address(node);
        let args = [
            format!("--bind-address={own}"),
            "--allow-privileged=true".to_owned(),
            format!("--client-ca-file={}", path("ca.crt")),
            format!("--etcd-cafile={}", path("etcd-ca.crt")),
            format!("--etcd-certfile={}", path("apiserver-etcd-client.crt")),
            format!("--etcd-keyfile={}", path("apiserver-etcd-client.key")),
            format!("--etcd-servers=https://{own}:2379"),
            "--secure-port=6443".to_owned(),
            format!("--tls-cert-file={}", path("apiserver.crt")),
            format!("--tls-private-key-file={}", path("apiserver.key")),
        ];
        self.start(node, "kube-apiserver", &args);
    }

    /// Starts the controller-manager of a node.
    pub(crate) fn start_manager(&mut self, node: usize) {
        let path = |name: &str| self.path(node, name).display().to_string();
        let args = [
            format!("--bind-address={}", self.address(node)),
            format!("--cluster-signing-cert-file={}", path("ca.crt")),
            format!("--cluster-signing-key-file={}", path("ca.key")),
            format!("--kubeconfig={}", path("controller-manager.conf")),
            "--leader-elect=true".to_owned(),
        ];
        self.start(node, "kube-controller-manager", &args);
    }

    /// Starts the scheduler of a node.
    pub(crate) fn start_scheduler(&mut self, node: usize) {
        let args = [
            format!("--bind-address={}", self.address(node)),
            format!("--kubeconfig={}", self.path(node, "scheduler.conf").display()),
            "--leader-elect=true".to_owned(),
        ];
        self.start(node, "kube-scheduler", &args);
    }

    /// Starts a balancer in front of so many API servers.
    pub(crate) fn start_balancer(&mut self, mode: &str, servers: usize) {
        let servers = (1..=servers).map(|node| format!("--server={}:6443", self.address(node)));
        let listen = format!("--listen={}:6443", self.address(9));
        let args: Vec<String> = [listen, format!("--mode={mode}")].into_iter().chain(servers).collect();
        self.start(1, "balancer", &args);
    }

    /// Starts the load, and waits until it measures.
    pub(crate) fn start_load(&mut self) {
        let path = |name: &str| self.path(1, name).display().to_string();
        let mut args = vec![
            format!("--kubeconfig={}", path("admin.conf")),
            format!("--balancer={}:6443", self.address(9)),
            format!("--etcd-cafile={}", path("etcd-ca.crt")),
            format!("--etcd-certfile={}", path("apiserver-etcd-client.crt")),
            format!("--etcd-keyfile={}", path("apiserver-etcd-client.key")),
            "--for=120".to_owned(),
        ];
        for node in 1..=self.nodes {
            args.push(format!("--server=cp-{node}={}:6443", self.address(node)));
            args.push(format!("--member=cp-{node}={}:2379", self.address(node)));
        }
        self.start(1, "load", &args);
        eventually("the load measures", || self.log(1, "load").contains("Measuring").then_some(()));
    }

    /// Ends the load; its report.
    pub(crate) fn end_load(&mut self) -> Report {
        let (_, code) = self.stop(1, "load");
        let log = self.log(1, "load");
        assert_eq!(code, Some(0), "{log}");
        let line = log.lines().find(|line| line.starts_with('{')).expect("a report");
        serde_json::from_str(line).expect("the report is JSON")
    }
}
