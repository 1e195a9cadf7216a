//! The real driver over fake kinds and fake hosts, under virtual time.

#[path = "journal/memory.rs"]
mod memory;

#[path = "driver/random.rs"]
mod random;

#[path = "driver/plans.rs"]
mod plans;

#[path = "driver/kinds.rs"]
mod kinds;

#[path = "driver/world.rs"]
mod world;

#[path = "driver/life.rs"]
mod life;

#[path = "driver/timed.rs"]
mod timed;

#[path = "driver/ran.rs"]
mod ran;

#[path = "driver/simulation.rs"]
mod simulation;

#[path = "driver/time_limits.rs"]
mod time_limits;

#[path = "driver/endings.rs"]
mod endings;

#[path = "driver/misfits.rs"]
mod misfits;

#[path = "driver/ahead.rs"]
mod ahead;
