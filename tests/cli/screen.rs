//! The program on a terminal that `script` makes.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::Place;

/// A terminal on which the program runs.
pub(crate) struct Screen {
    script: Child,
    /// What was written to it, in a file: nobody has to read it while it is written.
    file: std::path::PathBuf,
}

impl Screen {
    /// Starts the program with these arguments (split at blanks); its exit status is written below its last line.
    pub(crate) fn start(place: &Place, args: &str) -> Self {
        let typed =
            format!("stty cols 100 rows 40\n'{}' {args}\necho exit $?\n", env!("CARGO_BIN_EXE_certwright"));
        place.write("typed", typed);
        let file = place.path("screen");
        let script = place
            .under("script", "-qec")
            .args(["sh typed", "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .stdout(fs::File::create(&file).expect("a file"))
            .spawn()
            .expect("script starts");
        Self { script, file }
    }

    /// All that was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.file).expect("the screen")).into_owned()
    }

    /// Waits until this was written.
    pub(crate) fn until(&self, words: &str) {
        self.poll(words, || {});
    }

    /// Lets go whoever waits to read a pipe, until the program has ended; all that was written.
    pub(crate) fn ends(mut self, gate: &Path) -> String {
        self.poll("exit ", || {
            let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
            // An error says that nobody reads.
            drop(rustix::fs::open(gate, flags, rustix::fs::Mode::empty()));
        });
        let _ended = self.script.wait().expect("script ends");
        self.text()
    }

    #[expect(clippy::disallowed_methods, reason = "a wait of a test has an end")]
    fn poll(&self, words: &str, act: impl Fn()) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.text().contains(words) {
            let may_come = Instant::now() < until && !self.text().contains("exit ");
            assert!(may_come, "`{words}`: never\n{}", self.text());
            act();
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ended = self.script.kill();
        let _reaped = self.script.wait();
    }
}
