//! The plan language, from the outside: texts in, plans or diagnostics out.

#![expect(clippy::print_stdout, reason = "suites print how many cases they ran")]

mod cases;
mod fit;
mod language;
mod schemas;
mod shapes;
