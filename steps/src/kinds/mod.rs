//! One file a step kind.

use certwright_engine::step::Registry;

/// All kinds of this crate.
pub fn registry() -> Registry {
    Registry::new([])
}
