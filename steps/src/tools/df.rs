//! df: free space, and how many files there may still be.

use certwright_engine::host::{Command, Output};

use super::OutputError;

/// `df -Pk PATH`; the path must exist.
pub fn available(path: &str) -> Command {
    Command::reads(["df", "-Pk", path])
}

/// `df -Pi PATH`; the path must exist.
pub fn inodes(path: &str) -> Command {
    Command::reads(["df", "-Pi", path])
}

/// Parses the KiB that are available to the user who asked.
pub fn parse_available_kib(output: &Output) -> Result<u64, OutputError> {
    let free = columns(output, |word| word.strip_suffix('%')?.parse::<u64>().ok().map(drop));
    free.map(|(_, free)| free).ok_or_else(|| OutputError::shape("`df -Pk`", output.stdout.lossy().trim()))
}

/// Parses the files that can still be made; None where the file system has no such limit (btrfs tells 0 of 0).
pub fn parse_free_inodes(output: &Output) -> Result<Option<u64>, OutputError> {
    let percent = |word: &str| match word {
        "-" => Some(()),
        word => word.strip_suffix('%')?.parse::<u64>().ok().map(drop),
    };
    match columns(output, percent) {
        Some((0, _)) => Ok(None),
        Some((_, free)) => Ok(Some(free)),
        None => Err(OutputError::shape("`df -Pi`", output.stdout.lossy().trim())),
    }
}

/// All and free of the first file system that is told.
fn columns(output: &Output, percent: impl Fn(&str) -> Option<()>) -> Option<(u64, u64)> {
    let text = output.stdout.lossy();
    let line = text.lines().nth(1).unwrap_or_default();
    // Both ends of a line may hold spaces (device, mount point): three numbers and a percentage are looked for.
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().ok();
    words.windows(4).find_map(|four| {
        let all = number(four[0])?;
        number(four[1]).and(percent(four[3]))?;
        Some((all, number(four[2])?))
    })
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

    #[test]
    fn files_that_can_still_be_made_are_counted_where_there_is_a_limit() {
        let free = |line: &str| {
            parse_free_inodes(&printed(format!(
                "Filesystem     Inodes  IUsed  IFree IUse% Mounted on\n{line}\n"
            )))
            .ok()
        };
        assert_eq!(free("/dev/sda1   6553600 6553600   0  100% /"), Some(Some(0)));
        assert_eq!(free("//srv/a b 100 60 40 60% /mnt"), Some(Some(40)));
        assert_eq!(free("/dev/btrfs 0 0 0 - /"), Some(None));
        for bad in ["", "/dev/sda1 1 2 3 /"] {
            assert_eq!(free(bad), None, "{bad}");
        }
        assert!(parse_free_inodes(&run(&inodes("/").argv)).is_ok(), "a real df");
    }
}
