//! Text for an operator under stress: pure functions of a [`RunView`](crate::view::RunView) and its records.
//!
//! Deliberately absent: writing (see [`crate::reporter`]) and looking at anything but the view.

pub(crate) mod lines;

pub(crate) mod live;

pub(crate) mod report;

pub(crate) mod table;
