//! The lab's programs on PATH.

fn main() {}
