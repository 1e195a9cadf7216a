//! A copy of a whole cluster, to begin again from.

#![expect(clippy::disallowed_methods, reason = "tests copy folders themselves")]

use std::fs;
use std::process::Command;

use crate::cluster::{Cluster, OWN};

impl Cluster {
    /// Keeps a copy of all nodes as they are.
    pub(crate) fn keep(&self) {
        succeeds(Command::new("cp").arg("-a").arg(self.path("lab")).arg(self.path("kept")));
    }

    /// Puts the kept copy back, within the folders that the machines show, and forgets all runs.
    pub(crate) fn restore(&self) {
        let mut folders = vec![".lab".to_owned(), "workstation".to_owned()];
        folders.extend(self.nodes().iter().flat_map(|node| OWN.map(|folder| format!("{node}/{folder}"))));
        for folder in folders {
            let (kept, lab) = (self.path("kept").join(&folder), self.path("lab").join(&folder));
            succeeds(Command::new("find").arg(&lab).args(["-mindepth", "1", "-delete"]));
            succeeds(Command::new("cp").arg("-a").arg(kept.join(".")).arg(&lab));
        }
        if self.path("state").exists() {
            fs::remove_dir_all(self.path("state")).expect("the runs");
        }
    }
}

fn succeeds(command: &mut Command) {
    assert!(command.status().expect("the program is installed").success(), "{command:?}");
}
