//! The write-ahead journal: the only writer of run state.
//!
//! A state folder holds `runs/<id>/{journal, lock}` and `clusters/<name>.lock`. A journal is a file of
//! lines, one a [`Record`](crate::machine::Record); what was appended together is a *batch*: written at once,
//! synced at once, and after a crash there as a whole or not at all.
//!
//! Invariants: batch n+1 is written only after the sync of batch n, so damage can be told apart: what no later
//! batch follows was never acknowledged and is cut (copied aside first), anything else is refused with its
//! line. An error of a write or a sync is final: nothing is appended any more, for after one failed sync the
//! next one succeeds while the data is gone. A journal holds commands that will run as root, so files that
//! are not ours alone are not read.
//!
//! Deliberately absent: in-place change, compaction, a repair mode, pid files, forced unlocking, and times as
//! an order (the sequence number is the order).

mod error;

mod run_id;

mod state_dir;

mod lock;

mod trust;

mod zeros;

mod envelope;

mod line;

mod scan;

mod damage;

mod medium;

mod writer;

mod replay;

mod cut;

mod summary;

pub use cut::Cut;
pub use error::JournalError;
pub use lock::{ClusterLock, RunLock};
pub use medium::Medium;
pub use replay::Replay;
pub use run_id::RunId;
pub use scan::{Entry, Position, Scan, Tail, UnknownRecord};
pub use state_dir::{ListedRun, StateDir};
pub use summary::{RunState, RunSummary};
pub use writer::{Journal, Room, Stamp};

/// Major version of the format written and read by this certwright.
pub const FORMAT: u32 = 1;
