//! A disk in memory that knows what is durable, and fails when told to.

use std::io;
use std::sync::{Arc, Mutex};

use certwright_engine::journal::Medium;

/// A disk; its clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    written: Vec<u8>,
    durable: Vec<u8>,
    syncs: usize,
    fault: Option<Fault>,
    fired: usize,
}

/// What goes wrong, and from which sync on (counting from 1); writes before it succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write before that sync fails; later ones succeed.
    Write(usize),
    /// That sync fails, later ones succeed: what Linux does after an EIO.
    Sync(usize),
    /// Writes that make the file longer fail: the disk is full.
    Full,
}

impl Disk {
    /// A disk with these bytes on it.
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        let disk = Self::default();
        let mut state = disk.0.lock().unwrap();
        state.written = bytes.to_vec();
        state.durable = bytes.to_vec();
        drop(state);
        disk
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.0.lock().unwrap().fault = Some(fault);
    }

    /// How often a fault fired.
    pub(crate) fn fired(&self) -> usize {
        self.0.lock().unwrap().fired
    }

    /// What was written, durable or not.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.0.lock().unwrap().written.clone()
    }

    /// What a loss of power leaves for certain.
    pub(crate) fn durable(&self) -> Vec<u8> {
        self.0.lock().unwrap().durable.clone()
    }

    /// Successful syncs so far.
    pub(crate) fn syncs(&self) -> usize {
        self.0.lock().unwrap().syncs
    }
}

impl Medium for Disk {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.fault == Some(Fault::Write(state.syncs + 1)) {
            state.fault = None;
            state.fired += 1;
            return Err(io::Error::other("injected write error"));
        }
        let offset = usize::try_from(offset).unwrap();
        let end = offset + bytes.len();
        if state.fault == Some(Fault::Full) && end > state.written.len() {
            state.fired += 1;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if state.written.len() < end {
            state.written.resize(end, 0);
        }
        state.written[offset..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.fault == Some(Fault::Sync(state.syncs + 1)) {
            state.fault = None;
            state.fired += 1;
            return Err(io::Error::other("injected sync error"));
        }
        state.syncs += 1;
        let State { written, durable, .. } = &mut *state;
        durable.clone_from(written);
        Ok(())
    }
}
