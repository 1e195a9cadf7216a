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

#[path = "driver/simulation.rs"]
mod simulation;

#[path = "driver/rules.rs"]
mod rules;

#[path = "driver/ahead.rs"]
mod ahead;
