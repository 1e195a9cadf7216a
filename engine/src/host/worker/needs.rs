//! The programs that the worker runs by itself.

/// Each with the package that brings it, on Debian and Red Hat alike. `logger` is used where it is there.
///
/// Some need options that a smaller one of the same name lacks: `flock -E -w`, `timeout -k`, `stat -L -c`, `sync FILE`.
pub const NEEDS: [(&str, &str); 13] = [
    ("cat", "coreutils"),
    ("date", "coreutils"),
    ("flock", "util-linux"),
    ("head", "coreutils"),
    ("mkdir", "coreutils"),
    ("mkfifo", "coreutils"),
    ("mv", "coreutils"),
    ("rm", "coreutils"),
    ("sleep", "coreutils"),
    ("stat", "coreutils"),
    ("sync", "coreutils"),
    ("tee", "coreutils"),
    ("timeout", "coreutils"),
];
