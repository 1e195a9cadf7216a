//! Whether a command or a script renews kubeadm's certificates, and which scripts a command names. Pure.

/// Whether a command line calls `kubeadm certs renew` (before 1.20: `kubeadm alpha certs renew`).
pub(super) fn command(line: &str) -> bool {
    let words: Vec<&str> = words(line).collect();
    let Some(at) = words.iter().position(|word| is_kubeadm(word)) else { return false };
    words[at + 1..].windows(2).any(|pair| pair == ["certs", "renew"])
}

/// Whether a script does: by one command, or by one that it puts together (`k="kubeadm certs"; $k renew all`).
pub(super) fn text(script: &str) -> bool {
    let code: Vec<&str> = script.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let words: Vec<&str> = code.iter().flat_map(|line| words(line)).collect();
    let certs = |at: usize| match words.get(at + 1..).unwrap_or_default() {
        ["certs", ..] | ["alpha", "certs", ..] => is_kubeadm(words[at]),
        _ => false,
    };
    (0..words.len()).any(certs) && words.contains(&"renew") || code.iter().any(|line| command(line))
}

/// The files that a command line names, as patterns of the script that reads them: absolute paths, and scripts that are
/// found on PATH.
pub(super) fn named(line: &str) -> impl Iterator<Item = String> {
    let plain =
        |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@:".contains(&byte));
    words(line).filter(move |word| plain(word) && !is_kubeadm(word)).flat_map(|word| {
        if word.starts_with('/') && !word.starts_with("/dev/") {
            vec![word.to_owned()]
        } else if word.strip_suffix(".sh").is_some_and(|base| !base.contains('/')) {
            ["/usr/local/sbin", "/usr/local/bin", "/opt/bin"].map(|folder| format!("{folder}/{word}")).into()
        } else {
            Vec::new()
        }
    })
}

/// The words of a line, without what a shell or systemd puts around them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let around = |c: char| c.is_whitespace() || "\"'`;|&(){}<>$=".contains(c);
    // What stands before a program of a unit: `-/usr/bin/x`, `@`, `+`, `!`.
    let bare = |word| str::trim_start_matches(word, ['@', ':', '+', '!']);
    let bare = move |word| match bare(word).strip_prefix('-') {
        Some(path) if path.starts_with('/') => path,
        Some(_) | None => bare(word),
    };
    line.split(around).map(bare).filter(|word| !word.is_empty())
}

fn is_kubeadm(word: &str) -> bool {
    word == "kubeadm" || word.ends_with("/kubeadm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_kubeadm_is_seen_in_every_dress() {
        for line in [
            "kubeadm certs renew all",
            "/usr/local/bin/kubeadm certs renew all",
            "-/usr/bin/kubeadm certs renew all",
            "/bin/sh -c 'kubeadm certs renew all && systemctl restart kubelet'",
            "kubeadm --v=5 alpha certs renew all",
            "x=$(kubeadm certs renew admin.conf)",
            "flock /run/l /opt/bin/kubeadm certs renew all",
        ] {
            assert!(command(line), "{line}");
        }
        for line in [
            "kubeadm certs check-expiration",
            "kubeadm-certs renew all",
            "echo certs renew kubeadm",
            "/usr/bin/certbot renew",
            "kubeadm token create",
            "",
        ] {
            assert!(!command(line), "{line}");
        }
    }

    #[test]
    fn a_script_may_put_the_command_together_and_its_comments_do_not_count() {
        for script in [
            "#!/bin/bash\nkubeadmCerts='/usr/local/bin/kubeadm certs'\nfor c in a b; do\n  ${kubeadmCerts} renew \"$c\"\ndone\n",
            "set -e\n/usr/local/bin/kubeadm certs renew all\n",
            "K=\"kubeadm alpha certs\"\n$K renew all\n",
        ] {
            assert!(text(script), "{script}");
        }
        for script in [
            "# kubeadm certs renew all\necho nothing\n",
            "kubeadm certs check-expiration\n",
            "kubeadm init\nrenew certs\n",
        ] {
            assert!(!text(script), "{script}");
        }
    }

    #[test]
    fn the_files_of_a_command_are_named_exactly_and_never_as_patterns() {
        let named = |line: &str| named(line).collect::<Vec<_>>();
        assert_eq!(
            named("-/usr/local/bin/k8s-certs-renew.sh --all >/dev/null"),
            ["/usr/local/bin/k8s-certs-renew.sh"]
        );
        assert_eq!(
            named("/bin/sh -c \"/opt/a.sh; /usr/bin/kubeadm certs renew all\""),
            ["/bin/sh", "/opt/a.sh"]
        );
        assert_eq!(
            named("renew-certs.sh"),
            ["/usr/local/sbin/renew-certs.sh", "/usr/local/bin/renew-certs.sh", "/opt/bin/renew-certs.sh"]
        );
        assert_eq!(named("/opt/*/x.sh /opt/a[b] /opt/\u{1b}x rel/x.sh"), Vec::<String>::new());
    }
}
