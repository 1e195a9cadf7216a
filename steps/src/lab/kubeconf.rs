//! Kubeconfigs as kubeadm writes them, byte for byte but for the data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mint::Minted;

/// Who asks which API server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access<'a> {
    /// Name of the cluster.
    pub(super) cluster: &'a str,
    /// URL of the API server.
    pub(super) server: &'a str,
    /// PEM of the CA.
    pub(super) ca: &'a str,
    /// Name of the user.
    pub(super) user: &'a str,
}

/// A kubeconfig with the certificate and key in it.
pub(super) fn embedded(access: Access<'_>, pair: &Minted) -> String {
    let user = format!(
        "    client-certificate-data: {}\n    client-key-data: {}\n",
        STANDARD.encode(&pair.certificate),
        STANDARD.encode(&pair.key)
    );
    render(access, &user)
}

/// A kubeconfig that points at a file with certificate and key.
pub(super) fn pointing(access: Access<'_>, path: &str) -> String {
    render(access, &format!("    client-certificate: {path}\n    client-key: {path}\n"))
}

fn render(Access { cluster, server, ca, user }: Access<'_>, credentials: &str) -> String {
    let ca = STANDARD.encode(ca);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  \
         name: {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n    user: {user}\n  name: \
         {user}@{cluster}\ncurrent-context: {user}@{cluster}\nkind: Config\nusers:\n- name: {user}\n  user:\n\
         {credentials}"
    )
}

/// A data field of a kubeconfig, decoded to text.
pub(super) fn data(kubeconfig: &str, field: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(value(kubeconfig, field)?).ok()?).ok()
}

/// A field's plain value. Kubeconfigs in the lab's own folders are one cluster, one user.
pub(super) fn value<'a>(kubeconfig: &'a str, field: &str) -> Option<&'a str> {
    let find =
        |line: &'a str| line.trim_start().trim_start_matches("- ").strip_prefix(field)?.strip_prefix(':');
    let value = kubeconfig.lines().find_map(find)?.trim();
    Some(value.trim_matches('"'))
}

/// The same kubeconfig with another certificate and key.
pub(super) fn with_pair(kubeconfig: &str, pair: &Minted) -> String {
    let line = |line: &str| {
        let replaced = [("client-certificate-data:", &pair.certificate), ("client-key-data:", &pair.key)];
        let found = replaced.iter().find(|(field, _)| line.trim_start().starts_with(field));
        match found {
            Some((field, pem)) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                format!("{indent}{field} {}\n", STANDARD.encode(pem))
            }
            None => format!("{line}\n"),
        }
    };
    kubeconfig.lines().map(line).collect()
}
