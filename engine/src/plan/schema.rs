//! What a kind declares about itself, so that a plan can be checked without running anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WORKSTATION;

/// A kind as the plan language sees it: its name, its parameters and its promises.
#[derive(Debug)]
pub struct KindSchema {
    /// Name in plans, such as `kubeadm-renew`.
    pub name: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// The keys of `with`.
    pub fields: &'static [Field],
    /// Where it may run.
    pub on: On,
    /// Whether it ever changes anything.
    pub nature: Nature,
    /// What a second Ctrl-C does to it.
    pub cancel: CancelPolicy,
    /// Whether it can be undone.
    pub undo: UndoSupport,
    /// Wall clock of one attempt where the plan says nothing, ms.
    pub timeout_ms: u64,
    /// Rules over more than one parameter; `Err` is a lower-case sentence naming the keys.
    pub check: fn(&Params) -> Result<(), String>,
}

/// One key of a step's `with`.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// Type of its value.
    pub ty: FieldType,
    /// Its default as a TOML value (`"30d"` with the quotes, `true`, `[]`); None: the key is required,
    /// unless `ty` is an `Optional*` type.
    pub default: Option<&'static str>,
    /// One sentence for people.
    pub doc: &'static str,
}

/// Types of step parameters and of plan params.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text; a JSON string in [`Params`].
    String,
    /// Text or nothing; a JSON string or null.
    OptionalString,
    /// `true` or `false`.
    Bool,
    /// A whole number that is not negative.
    Integer,
    /// `"30d"`, `"2m 30s"`; a JSON number of milliseconds in [`Params`].
    Duration,
    /// An absolute path.
    Path,
    /// A list of texts.
    Strings,
    /// A list of absolute paths.
    Paths,
    /// A group of the inventory with at least one host.
    Group,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of some of these words.
    SomeOf(&'static [&'static str]),
}

/// The hosts that a kind is made for; a stage on others is a mistake of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// Nodes: all hosts of an inventory.
    Nodes,
    /// The workstation alone: what it does concerns the workstation, or the cluster as a whole.
    Workstation,
    /// Either.
    Anywhere,
}

impl On {
    /// The word that programs are given.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Workstation => "workstation",
            Self::Anywhere => "anywhere",
        }
    }

    /// Whether a kind that is made for this may run where a stage's `on` says.
    pub(super) fn allows(self, on: &str) -> bool {
        // No group and no host of an inventory has that name, so it alone tells.
        match self {
            Self::Nodes => on != WORKSTATION,
            Self::Workstation => on == WORKSTATION,
            Self::Anywhere => true,
        }
    }
}

/// Whether a kind acts or only looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// Has an apply.
    Acting,
    /// Has none: not satisfied is a failure of class `unsatisfied`, and waiting is a retry of its probe.
    Checking,
}

/// What happens to an operation in flight when the operator interrupts for the second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelPolicy {
    /// It is dropped at once; the next probe finds out what became of it.
    Abort,
    /// Its apply and undo are left to finish: half of it is worse than all of it. Probes are still dropped.
    Finish,
}

/// Whether a kind can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoSupport {
    /// `undo` restores what the first probe saw.
    Supported,
    /// There is nothing to restore (a restart, a check).
    Nothing,
    /// It changes something that it cannot restore; said before the run.
    Unsupported,
}

/// The schemas a plan is checked against.
pub trait Schemas {
    /// The schema of the kind with this name.
    fn schema(&self, kind: &str) -> Option<&KindSchema>;
    /// All names, sorted.
    fn names(&self) -> Vec<&'static str>;
}

/// A step's complete, typed parameters.
///
/// The accessors panic when the key was not declared with that type: the plan was validated against the
/// kind's own [`Field`]s, so it is a bug of the kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(pub serde_json::Map<String, Value>);

impl Params {
    fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or_else(|| panic!("kind asks for undeclared parameter `{key}`"))
    }

    /// A `String`, `Path`, `Group` or `OneOf`.
    pub fn str(&self, key: &str) -> &str {
        self.get(key).as_str().unwrap_or_else(|| panic!("parameter `{key}` is not declared as text"))
    }

    /// An `OptionalString`.
    pub fn opt_str(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Value::Null => None,
            value => {
                Some(value.as_str().unwrap_or_else(|| panic!("parameter `{key}` is not declared as text")))
            }
        }
    }

    /// A `Bool`.
    pub fn bool(&self, key: &str) -> bool {
        self.get(key).as_bool().unwrap_or_else(|| panic!("parameter `{key}` is not declared as bool"))
    }

    /// An `Integer`.
    pub fn integer(&self, key: &str) -> u64 {
        self.get(key).as_u64().unwrap_or_else(|| panic!("parameter `{key}` is not declared as integer"))
    }

    /// A `Duration`.
    pub fn duration(&self, key: &str) -> std::time::Duration {
        std::time::Duration::from_millis(self.integer(key))
    }

    /// A `Strings`, `Paths` or `SomeOf`.
    pub fn strings(&self, key: &str) -> Vec<String> {
        let list =
            self.get(key).as_array().unwrap_or_else(|| panic!("parameter `{key}` is not declared as list"));
        list.iter().map(|v| v.as_str().expect("a validated list holds text").to_owned()).collect()
    }
}
