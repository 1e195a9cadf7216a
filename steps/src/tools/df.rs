//! df: free space.

use certwright_engine::host::{Command, Output};

use super::OutputError;

/// `df -Pk PATH`; the path must exist.
pub fn available(path: &str) -> Command {
    Command::reads(["df", "-Pk", path])
}

/// Parses the KiB that are available to the user who asked.
pub fn parse_available_kib(output: &Output) -> Result<u64, OutputError> {
    let what = "`df -Pk`";
    let text = output.stdout.lossy();
    let line = text.lines().nth(1).unwrap_or_default();
    // Both ends of a line may hold spaces (device, mount point): three numbers and a percentage are looked for.
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().ok();
    let available = words.windows(4).find_map(|four| {
        number(four[0]).and(number(four[1])).and(number(four[3].strip_suffix('%')?))?;
        number(four[2])
    });
    available.ok_or_else(|| OutputError::shape(what, text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{printed, run};

    #[test]
    fn free_space_is_read_whatever_the_device_and_the_mount_point_are_called() {
        let line = |line: &str| {
            printed(format!("Filesystem     1024-blocks     Used Available Capacity Mounted on\n{line}\n"))
        };
        let free = |text: &str| parse_available_kib(&line(text)).ok();
        assert_eq!(free("/dev/sda1         41152812 23049260  16340716      59% /"), Some(16_340_716));
        assert_eq!(free("//srv/a b 100 60 40 60% /mnt/100% full"), Some(40));
        assert_eq!(free("overlay 100 60 40 60% /x 5% y"), Some(40));
        for bad in ["", "/dev/sda1 1 2 3 /", "50% 1"] {
            assert_eq!(free(bad), None, "{bad}");
        }
        assert!(parse_available_kib(&run(&available("/").argv)).unwrap() > 0, "a real df");
    }
}
