//! The one place where values become shell text.
//!
//! A word quoted here is read back by every POSIX sh as exactly the same bytes. It is *not* valid for csh or
//! fish: quoted words travel on standard input to `/bin/sh`, never on a login shell's command line.

/// Appends `word` in single quotes; a single quote inside becomes `'\''`.
///
/// # Panics
/// When the word holds a NUL byte, which no argument can carry: callers refuse those first.
pub(super) fn quote(word: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for &byte in word {
        assert!(byte != 0, "a word for the shell holds no NUL byte");
        if byte == b'\'' {
            out.extend_from_slice(br"'\''");
        } else {
            out.push(byte);
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each shell of this machine prints for the quoted word.
    fn read_back(word: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let mut script = b"LC_ALL=C; printf %s ".to_vec();
        quote(word, &mut script);
        let mut read = Vec::new();
        for shell in ["/bin/sh", "/bin/bash", "/bin/dash"] {
            if !std::path::Path::new(shell).exists() {
                continue;
            }
            #[expect(clippy::disallowed_methods, reason = "this test asks the shells themselves")]
            let mut command = std::process::Command::new(shell);
            let arg = std::os::unix::ffi::OsStringExt::from_vec(script.clone());
            let arg: std::ffi::OsString = arg;
            let output = command.arg("-c").arg(arg).output().expect("the shell runs");
            read.push((shell, output.stdout));
        }
        read
    }

    #[test]
    fn every_byte_but_nul_comes_back_from_every_shell() {
        let mut words: Vec<Vec<u8>> = (1..=255u8).map(|byte| vec![byte]).collect();
        words.push((1..=255u8).collect());
        words.push((1..=255u8).rev().collect());
        words.push(Vec::new());
        words.extend(
            [r"'", r"''", r"\'", r#""$HOME" `id` $(id) !! ~ *"#, "two\nlines\n", "-n", r"ends in \"]
                .map(|w| w.as_bytes().to_vec()),
        );
        for word in &words {
            let read = read_back(word);
            assert!(!read.is_empty(), "no shell was asked");
            for (shell, bytes) in read {
                assert_eq!(&bytes, word, "{shell}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "holds no NUL byte")]
    fn a_nul_byte_is_a_bug_of_the_caller() {
        quote(b"a\0b", &mut Vec::new());
    }
}
