//! One file a remote program: its command lines and its output.
