//! A plan where an inventory is wanted, and the other way round: one mistake, not one a key.

use toml::Spanned;
use toml::de::DeTable;

use super::Code;
use super::findings::{Findings, Found};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A plan.
    Plan,
    /// An inventory.
    Inventory,
}

impl Role {
    /// Whether a file that is wanted as this looks like the other one instead, which is then a finding.
    ///
    /// A file with keys of both is none: which of them are wrong is said key by key.
    pub(super) fn is_swapped(self, root: &Spanned<DeTable>, findings: &mut Findings) -> bool {
        let (own, others): (&[&str], &[(&str, &str)]) = match self {
            Self::Plan => {
                (&["version", "params", "stage"], &[("cluster", "`[cluster]`"), ("host", "`[[host]]`")])
            }
            Self::Inventory => (&["cluster", "ssh", "host"], &[("stage", "`[[stage]]`")]),
        };
        let table = root.get_ref();
        let there: Vec<_> =
            others.iter().filter_map(|(key, shown)| Some((place(table, key)?, *shown))).collect();
        let Some(span) = there.iter().map(|(span, _)| span.clone()).min_by_key(|span| span.start) else {
            return false;
        };
        if own.iter().any(|key| table.contains_key(*key)) {
            return false;
        }
        let has = there.iter().map(|(_, shown)| *shown).collect::<Vec<_>>().join(" and ");
        let (message, help) = match self {
            Self::Plan => ("this looks like an inventory", "give it with --inventory, and a plan as PLAN"),
            Self::Inventory => {
                ("this looks like a plan", "give it as PLAN, and an inventory with --inventory")
            }
        };
        let label = match self {
            Self::Plan => "no plan has this",
            Self::Inventory => "no inventory has this",
        };
        let found = Found::new(Code::WrongFile, span, format!("{message}: it has {has}"));
        findings.report(found.label(label).help(help));
        true
    }
}

/// Where a key of a table is.
fn place(table: &DeTable, key: &str) -> Option<std::ops::Range<usize>> {
    table.keys().find(|name| name.get_ref() == key).map(Spanned::span)
}
