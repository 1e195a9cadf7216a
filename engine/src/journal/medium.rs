//! Where the bytes of a journal go.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The two operations a journal needs of its file; tests put a memory with faults in its place.
pub trait Medium: Send {
    /// Writes all of `bytes` at `offset`; they need not be durable yet.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written so far durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
