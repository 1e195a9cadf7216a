use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::tools::testing::{FolderHost, tell};

const RENEWS: &str = "#!/bin/sh\n/usr/local/bin/kubeadm certs renew all\n";
const TIMER: &str = "[Timer]\nOnCalendar=monthly\n[Install]\nWantedBy=timers.target\n";

/// A host in a folder of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        let path = self.0.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        std::fs::write(self.path(path), text).unwrap();
        self
    }

    fn program(&self, path: &str, text: &str) -> &Self {
        self.file(path, text);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        symlink(target, self.path(path)).unwrap();
        self
    }

    /// A timer in `folder` that is armed, and a service with this command.
    fn timer(&self, folder: &str, name: &str, exec: &str) -> &Self {
        self.file(&format!("{folder}/{name}.timer"), TIMER)
            .file(&format!("{folder}/{name}.service"), &format!("[Service]\nExecStart={exec}\n"))
            .link(
                &format!("/etc/systemd/system/timers.target.wants/{name}.timer"),
                &format!("{folder}/{name}.timer"),
            )
    }

    async fn look(&self) -> Result<Vec<Renewer>, String> {
        let root = self.0.path().to_owned();
        renewers(&FolderHost { root, shims: None }).await.unwrap()
    }

    /// What was found, a line each.
    async fn found(&self) -> Vec<String> {
        let line = |renewer: Renewer| match renewer.by {
            Schedule::Timer(name) => format!("timer {name} by {}", renewer.path),
            Schedule::Cron(path) => format!("cron {path} by {}", renewer.path),
        };
        self.look().await.unwrap().into_iter().map(line).collect()
    }
}

const ETC: &str = "/etc/systemd/system";
const USR: &str = "/usr/lib/systemd/system";

#[tokio::test]
async fn timers_of_the_tools_that_renew_are_found_by_the_script_that_they_run() {
    let place = Place::new();
    place
        .timer(ETC, "k8s-certs-renew", "/usr/local/bin/kube-scripts/k8s-certs-renew.sh")
        .program(
            "/usr/local/bin/kube-scripts/k8s-certs-renew.sh",
            "#!/bin/bash\nkubeadmCerts='/usr/local/bin/kubeadm certs'\n${kubeadmCerts} renew apiserver\n",
        )
        .timer(USR, "direct", "-/bin/sh -c 'kubeadm certs renew all'")
        .timer(USR, "logrotate", "/usr/sbin/logrotate /etc/logrotate.conf")
        .file("/etc/logrotate.conf", "weekly\n");
    assert_eq!(
        place.found().await,
        [
            "timer direct.timer by /usr/lib/systemd/system/direct.service",
            "timer k8s-certs-renew.timer by /usr/local/bin/kube-scripts/k8s-certs-renew.sh",
        ]
    );
}

#[tokio::test]
async fn a_script_is_the_one_at_exactly_its_path() {
    let place = Place::new();
    place
        .timer(ETC, "a", "/opt/renew")
        .program("/opt/renew", "#!/bin/sh\nexit 0\n")
        .program("/opt/renew.sh", RENEWS)
        .program("/opt/renewal", RENEWS);
    assert_eq!(place.found().await, Vec::<String>::new());
    place.program("/opt/renew", RENEWS);
    assert_eq!(place.found().await, ["timer a.timer by /opt/renew"]);
}

#[tokio::test]
async fn a_timer_that_is_masked_or_not_armed_does_not_count() {
    let place = Place::new();
    place.timer(USR, "masked", "kubeadm certs renew all").link(&format!("{ETC}/masked.timer"), "/dev/null");
    place.timer(USR, "emptied", "kubeadm certs renew all").file(&format!("{ETC}/emptied.timer"), "");
    place.timer(USR, "served", "kubeadm certs renew all").link(&format!("{ETC}/served.service"), "/dev/null");
    place
        .file(&format!("{USR}/idle.timer"), TIMER)
        .file(&format!("{USR}/idle.service"), "[Service]\nExecStart=kubeadm certs renew all\n");
    assert_eq!(place.found().await, Vec::<String>::new());
    // Masked by its name alone it would have been found.
    place.timer(USR, "k8s-certs-renew-own", "/usr/bin/own-program");
    assert_eq!(
        place.found().await,
        ["timer k8s-certs-renew-own.timer by /usr/lib/systemd/system/k8s-certs-renew-own.timer"]
    );
}

#[tokio::test]
async fn what_a_package_arms_in_its_own_folder_counts() {
    let place = Place::new();
    place
        .file(&format!("{USR}/certs.timer"), TIMER)
        .file(&format!("{USR}/certs.service"), "[Service]\nExecStart=/usr/bin/kubeadm certs renew all\n")
        .link(&format!("{USR}/timers.target.wants/certs.timer"), "../certs.timer");
    assert_eq!(place.found().await, ["timer certs.timer by /usr/lib/systemd/system/certs.service"]);
}

#[tokio::test]
async fn drop_ins_and_lines_that_go_on_are_read_as_systemd_reads_them() {
    let place = Place::new();
    place.timer(USR, "a", "/usr/bin/true").file(
        &format!("{ETC}/a.service.d/10-more.conf"),
        "[Service]\nExecStart=\nExecStart=kubeadm \\\n# comment\n  certs renew all\n",
    );
    place.timer(USR, "b", "kubeadm certs renew all").file(
        &format!("{ETC}/b.service.d/10-reset.conf"),
        "[Service]\nExecStart=\nExecStart=/usr/bin/true\n",
    );
    place
        .timer(USR, "c", "/usr/bin/true")
        .file(&format!("{ETC}/c.timer.d/unit.conf"), "[Timer]\nUnit=other.service\n")
        .file(
            &format!("{USR}/other.service"),
            "[Service]\nExecStartPre=+/usr/local/bin/kubeadm certs renew all\n",
        );
    place
        .timer(USR, "d", "kubeadm certs renew all")
        .link(&format!("{ETC}/d.service.d/10.conf"), "/dev/null")
        .file(&format!("{USR}/d.service.d/10.conf"), "[Service]\nExecStart=\n");
    place
        .file(&format!("{USR}/e@.timer"), TIMER)
        .file(&format!("{USR}/e@.service"), "[Service]\nExecStart=kubeadm certs renew %i\n")
        .link(&format!("{ETC}/timers.target.wants/e@all.timer"), &format!("{USR}/e@.timer"));
    assert_eq!(
        place.found().await,
        [
            "timer a.timer by /etc/systemd/system/a.service.d/10-more.conf",
            "timer c.timer by /usr/lib/systemd/system/other.service",
            "timer d.timer by /usr/lib/systemd/system/d.service",
            "timer e@all.timer by /usr/lib/systemd/system/e@.service",
        ]
    );
}

#[tokio::test]
async fn crontabs_and_the_scripts_of_cron_are_looked_into() {
    let place = Place::new();
    place
        .file("/etc/crontab", "SHELL=/bin/sh\n# 0 0 1 * * root kubeadm certs renew all\n17 * * * * root run-parts /etc/cron.hourly\n")
        .file("/etc/cron.d/certs", "PATH=/usr/bin\n0 3 1 * * root /opt/bin/certs.sh >/dev/null 2>&1\n")
        .program("/opt/bin/certs.sh", RENEWS)
        .file("/etc/cron.d/certs.bak", "0 3 1 * * root kubeadm certs renew all\n")
        .program("/etc/cron.monthly/kube", RENEWS)
        .file("/etc/cron.weekly/not-executable", RENEWS)
        .file("/var/spool/cron/crontabs/root", "@monthly kubeadm certs renew all\n")
        .file("/var/spool/cron/admin", "@daily renew-certs.sh\n")
        .program("/usr/local/bin/renew-certs.sh", RENEWS);
    let mut found = place.found().await;
    found.sort();
    assert_eq!(
        found,
        [
            "cron /etc/cron.d/certs by /opt/bin/certs.sh",
            "cron /etc/cron.monthly/kube by /etc/cron.monthly/kube",
            "cron /var/spool/cron/admin by /usr/local/bin/renew-certs.sh",
            "cron /var/spool/cron/crontabs/root by /var/spool/cron/crontabs/root",
        ]
    );
}

#[tokio::test]
async fn no_name_and_no_content_disturbs_the_rest() {
    let place = Place::new();
    place
        .file("/etc/cron.d/a\nfile", "* * * * * root kubeadm certs renew all\n")
        .file("/etc/cron.d/nul", "x\0link\0/etc/y\0z\n")
        .file("/etc/cron.d/\u{1b}[2J", "* * * * * root kubeadm certs renew all\n")
        .file("/etc/cron.d/large", &"# x\n".repeat(20_000))
        .file("/etc/cron.d/one line", "* * * * * root kubeadm certs renew all\n")
        .program("/etc/cron.daily/binary", "\u{7f}ELF\0kubeadm certs renew all\n")
        .link("/etc/cron.d/dangling", "/nowhere")
        .link("/etc/cron.d/loop", "loop");
    std::fs::create_dir(place.path("/etc/cron.d/folder")).unwrap();
    assert_eq!(
        place.found().await,
        [
            "cron /etc/cron.d/\\u{1b}[2J by /etc/cron.d/\\u{1b}[2J",
            "cron /etc/cron.d/a\\nfile by /etc/cron.d/a\\nfile",
            "cron /etc/cron.d/one line by /etc/cron.d/one line",
        ]
    );
}

#[tokio::test]
async fn more_than_can_be_read_is_said_and_not_taken_for_nothing() {
    let place = Place::new();
    for n in 0..80 {
        place.file(&format!("/etc/cron.d/{n}"), &"x".repeat(20_000));
    }
    // As much as a command's output is kept of.
    let why = place.look().await.map(|found| found.len());
    tell(format_args!("80 large crontabs: {why:?}"));
    let output = Output {
        stdout: certwright_engine::text::Untrusted::capped(b"file\0".to_vec(), 2 << 20),
        ..Output::default()
    };
    assert!(parse(&output).unwrap_err().contains("too large"));
}

#[tokio::test]
async fn a_host_without_schedules_has_no_renewers() {
    assert_eq!(Place::new().found().await, Vec::<String>::new());
    let real = renewers(&FolderHost { root: Path::new("").to_owned(), shims: None }).await.unwrap();
    tell(format_args!("this machine: {real:?}"));
    assert!(real.is_ok(), "the script runs on a real machine: {real:?}");
}
