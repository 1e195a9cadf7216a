//! Login users for tests: their shells, their sudo rules, and what the shell of one prints.

#![expect(clippy::disallowed_methods, reason = "tests make users themselves")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{run, succeeds};

/// A shell is what its name says: busybox by the name of sh.
const BUSYBOX_SH: &str = "/usr/local/lib/certwright-test/sh";

/// The .bashrc of [`User::Noisy`]: text, and marks as ours but for their nonce, on both streams.
const NOISE: &str = "echo 'Welcome to the node!'
echo 'a warning of .bashrc' >&2
for mark in 'START ready x' ready begin 'fail for no reason' 'end 0 - -' 'end 0 4 4' 'owned by no one' 'busy with nothing'; do
    printf '\\036%s %s\\n' 00112233445566778899aabbccddeeff \"$mark\"
    printf '\\036%s %s\\n' 00112233445566778899aabbccddeeff \"$mark\" >&2
done
printf '\\036START ready x\\n'
printf '\\036 no mark'
";

/// A login user of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// sudo without password.
    Ops,
    /// sudo wants a password.
    Pass,
    /// sudo wants a terminal.
    Tty,
    /// `Ops` with csh.
    Csh,
    /// `Ops` with fish.
    Fish,
    /// `Ops` with the sh of busybox.
    Busybox,
    /// `Ops` whose shell prints on both streams before every command, marks of another nonce too, and whose sudo
    /// uses a pty where it can.
    Noisy,
}

impl User {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Ops, Self::Pass, Self::Tty, Self::Csh, Self::Fish, Self::Busybox, Self::Noisy];

    /// The login name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ops => "cwops",
            Self::Pass => "cwpass",
            Self::Tty => "cwtty",
            Self::Csh => "cwcsh",
            Self::Fish => "cwfish",
            Self::Busybox => "cwbusybox",
            Self::Noisy => "cwnoisy",
        }
    }

    /// Its login shell.
    pub(crate) fn shell(self) -> &'static str {
        match self {
            Self::Ops | Self::Pass | Self::Tty => "/bin/sh",
            Self::Csh => "/bin/csh",
            Self::Fish => "/usr/bin/fish",
            Self::Busybox => BUSYBOX_SH,
            Self::Noisy => "/bin/bash",
        }
    }

    /// True when its login shell is installed.
    pub(crate) fn is_possible(self) -> bool {
        Path::new(self.shell()).exists()
    }

    /// Makes the user and its sudo rule unless they are there.
    fn make(self) {
        let name = self.name();
        if !succeeds(Command::new("id").arg(name)) {
            run(Command::new("useradd").args(["-m", "-p", "*", "-s", self.shell(), name]));
        }
        if self != Self::Pass {
            let rule = PathBuf::from(format!("/etc/sudoers.d/certwright-{name}"));
            let defaults = match self {
                Self::Tty => format!("Defaults:{name} requiretty\n"),
                // The default of sudo 1.9.14 and later.
                Self::Noisy => format!("Defaults:{name} use_pty\n"),
                Self::Ops | Self::Pass | Self::Csh | Self::Fish | Self::Busybox => String::new(),
            };
            let text = format!("{defaults}{name} ALL=(ALL) NOPASSWD: ALL\n");
            if fs::read_to_string(&rule).ok().as_deref() != Some(&text) {
                // sudo skips names with a dot: the rule appears whole or not at all.
                let new = rule.with_extension("new");
                fs::write(&new, text).expect("write a sudo rule");
                fs::set_permissions(&new, fs::Permissions::from_mode(0o440)).expect("set its mode");
                fs::rename(&new, &rule).expect("put it in place");
            }
        }
        if self == Self::Noisy {
            // Renamed into place: shells of other tests read it at any time.
            let new = format!("/home/{name}/.bashrc.{}", std::process::id());
            fs::write(&new, NOISE).expect("write .bashrc");
            fs::rename(&new, format!("/home/{name}/.bashrc")).expect("put it in place");
        }
    }
}

/// Makes all users whose login shell is installed.
pub(super) fn make_users() {
    // Test processes run side by side, and useradd refuses to wait for another one.
    let lock = fs::File::create("/run/certwright-test-users.lock").expect("a lock for the test users");
    lock.lock().expect("lock the test users");
    if let Some(folder) = Path::new(BUSYBOX_SH).parent().filter(|folder| !folder.exists())
        && Path::new("/bin/busybox").exists()
    {
        fs::create_dir_all(folder).expect("a folder for a shell");
        std::os::unix::fs::symlink("/bin/busybox", BUSYBOX_SH).expect("a shell");
    }
    User::ALL.into_iter().filter(|user| user.is_possible()).for_each(User::make);
}
