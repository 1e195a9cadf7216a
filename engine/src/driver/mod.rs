//! The one loop that owns the machine and the journal.
