//! The write-ahead journal: the only writer of run state.
