//! Kinds by name.

use std::collections::BTreeMap;

use super::Step;
use super::shown::Shown;
use crate::plan::{KindSchema, Params, Schemas};

/// A kind: what it declares, and how a step of it is made.
pub struct Kind {
    /// What plans are checked against.
    pub schema: KindSchema,
    build: fn(&Params) -> Box<dyn Step>,
}

impl Kind {
    /// A kind whose steps `build` makes, from parameters that were validated against the schema.
    pub const fn new(schema: KindSchema, build: fn(&Params) -> Box<dyn Step>) -> Self {
        Self { schema, build }
    }

    /// A step of this kind; there is no other way to one, so whatever a step says has been made fit to be shown.
    pub fn step(&self, with: &Params) -> Box<dyn Step> {
        Box::new(Shown((self.build)(with)))
    }
}

/// All kinds by name.
#[derive(Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
}

impl Registry {
    /// Collects kinds.
    ///
    /// # Panics
    /// When two have the same name, a bug.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let mut registry = Self::default();
        for kind in kinds {
            let name = kind.schema.name;
            assert!(registry.kinds.insert(name, kind).is_none(), "kind `{name}` is registered twice");
        }
        registry
    }

    /// The kind with this name.
    pub fn get(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    /// All kinds in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }
}

impl Schemas for Registry {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.kinds.get(kind).map(|k| &k.schema)
    }

    fn names(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }
}
