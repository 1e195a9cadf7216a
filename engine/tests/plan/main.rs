//! The plan language, from the outside: texts in, plans or diagnostics out.

mod cases;
mod language;
mod schemas;
mod shapes;
