//! A declarative workflow engine.
//!
//! A TOML plan is a DAG of typed steps; the engine runs it over hosts with retries and a write-ahead
//! journal, so that a run that was cut off at any instant resumes. It knows machines and work, and nothing
//! about certificates.
//!
//! The floors, lowest first; imports point down only:
//! [`text`] and [`clock`] < [`plan`] < [`machine`] < [`step`] and [`host`] < [`journal`] < [`driver`].

pub mod text;

pub mod clock;

pub mod plan;

pub mod machine;

pub mod host;

pub mod step;

pub mod journal;

pub mod driver;
