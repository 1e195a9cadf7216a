//! The params of a plan: declared with a type, given by a default or a `--set`.

use std::collections::BTreeSet;

use toml::Spanned;

use super::findings::{Findings, Found, quote};
use super::name::NameRule;
use super::scope::{Binding, Origin, Scope};
use super::section::{Node, Section};
use super::value::{Read, Reader, from_set, word_or};
use super::{Code, FieldType, Source, foreign, limits};
use crate::text::escape;

/// The types a param may have, by the word that plans use.
const TYPES: [(&str, FieldType); 7] = [
    ("string", FieldType::String),
    ("bool", FieldType::Bool),
    ("integer", FieldType::Integer),
    ("duration", FieldType::Duration),
    ("path", FieldType::Path),
    ("strings", FieldType::Strings),
    ("paths", FieldType::Paths),
];

/// A param as it is declared.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: Spanned<String>,
    /// Its type; None when that is wrong.
    pub(super) ty: Option<FieldType>,
    /// Its default as read, and as it is written.
    pub(super) default: Option<(Read, String)>,
    pub(super) doc: Option<String>,
}

impl Param {
    /// The word for its type.
    pub(super) fn type_name(&self) -> &'static str {
        TYPES.iter().find(|(_, ty)| Some(*ty) == self.ty).map_or("", |(word, _)| word)
    }
}

/// Reads `[params]`, in the order written.
pub(super) fn read(plan: &mut Section, findings: &mut Findings) -> Vec<Param> {
    let Some(node) = plan.get("params") else { return Vec::new() };
    let Some(section) = Section::of("`params`", node, findings) else { return Vec::new() };
    let entries = section.entries();
    if entries.len() > limits::PARAMS {
        let message = format!("the plan has {} params", entries.len());
        let found = Found::new(Code::TooMany, node.span(), message);
        findings.report(found.label(format!("at most {}", limits::PARAMS)));
    }
    entries.into_iter().filter_map(|(name, node)| declare(name, node, findings)).collect()
}

fn declare(name: Spanned<String>, node: &Node, findings: &mut Findings) -> Option<Param> {
    NameRule::Id.check(name.get_ref(), name.span(), "the name of a param", findings);
    let what = format!("param {}", quote(name.get_ref()));
    let mut section = Section::of(what, node, findings)?;
    let ty = section.require_text("type", findings).and_then(|written| {
        let words: Vec<&str> = TYPES.iter().map(|(word, _)| *word).collect();
        let place = section.name_of("type");
        let meant = foreign::param_type(written.get_ref());
        word_or(written.get_ref(), &words, written.span(), &place, meant, findings);
        TYPES.iter().find(|(word, _)| word == written.get_ref()).map(|(_, ty)| *ty)
    });
    let default = section.get("default").zip(ty).map(|(node, ty)| {
        let what = section.name_of("default");
        let text = findings.source.text[node.span()].to_owned();
        (Reader { scope: None, findings }.read(ty, node, &what), text)
    });
    let doc = section.doc(findings);
    section.close(findings);
    Some(Param { name, ty, default, doc })
}

/// One `--set name=value` and the mistakes in it.
struct Setting<'a> {
    name: &'a str,
    value: &'a str,
    findings: Findings<'a>,
}

/// Values of `--set`, in the order given, each with its own findings.
pub(super) struct Settings<'a>(Vec<Setting<'a>>);

impl<'a> Settings<'a> {
    /// Takes the settings as given; `texts` holds each as `name=value`.
    pub(super) fn new(set: &'a [(String, String)], texts: &'a [String]) -> Self {
        let mut names = BTreeSet::new();
        let one = |((name, value), text): (&'a (String, String), &'a String)| {
            let mut findings = Findings::new(Source { name: "--set", text });
            if !names.insert(name) {
                let message = format!("param {} is set twice", quote(name));
                findings.report(Found::new(Code::Duplicate, 0..name.len(), message));
            }
            Setting { name, value, findings }
        };
        Self(set.iter().zip(texts).map(one).collect())
    }

    /// All findings, in the order given.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Findings<'a>> {
        self.0.iter().map(|setting| &setting.findings)
    }
}

/// Adds the params to a scope with their values: what was set, or else the default.
pub(super) fn bind(
    params: &[Param],
    settings: &mut Settings,
    required: Required,
    scope: &mut Scope,
    findings: &mut Findings,
) {
    for param in params {
        let name = param.name.get_ref();
        let setting = settings.0.iter_mut().find(|setting| setting.name == name);
        let origin = if setting.is_some() { Origin::Set } else { Origin::Default };
        let value = match (param.ty, setting, &param.default) {
            (Some(ty), Some(Setting { value, findings, .. }), _) => {
                let span = name.len() + 1..findings.source.text.len();
                from_set(ty, value, span, &format!("param {}", quote(name)), findings)
            }
            (Some(_), None, Some((Read::Known(value), _))) => Some(value.clone()),
            (Some(_), None, Some((Read::Later | Read::Wrong, _))) | (None, ..) => None,
            (Some(_), None, None) => {
                report_missing(param, required, findings);
                None
            }
        };
        scope.bind(name, Binding { ty: param.ty, value, origin });
    }
    let declared: Vec<&str> = params.iter().map(|p| p.name.get_ref().as_str()).collect();
    for Setting { name, findings, .. } in &mut settings.0 {
        if !declared.contains(name) {
            let message = format!("the plan has no param {}", quote(name));
            let mut found = Found::new(Code::UnknownParam, 0..name.len(), message);
            found.help = findings.suggest(name, declared.iter().copied());
            findings.report(found);
        }
    }
}

/// Whether every param needs a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    /// Yes: the plan is going to run.
    Now,
    /// No: the plan is only checked.
    Later,
}

fn report_missing(param: &Param, required: Required, findings: &mut Findings) {
    match required {
        Required::Later => {}
        Required::Now => {
            let name = param.name.get_ref();
            let message = format!("param {} has no value", quote(name));
            let found = Found::new(Code::NoValue, param.name.span(), message).label("has no default");
            findings.report(found.help(format!("give it one: --set {}=...", escape(name))));
        }
    }
}

/// Reports the params that nothing refers to: a `--set` of one would do nothing.
pub(super) fn report_unused(params: &[Param], scope: &Scope, findings: &mut Findings) {
    for param in params.iter().filter(|param| !scope.is_used(param.name.get_ref())) {
        let name = param.name.get_ref();
        let message = format!("nothing refers to param {}", quote(name));
        let found = Found::new(Code::UnusedParam, param.name.span(), message).label("is not used");
        findings.report(
            found.help(format!("remove it, or write \"{{{{ {} }}}}\" where it is meant", escape(name))),
        );
    }
}
