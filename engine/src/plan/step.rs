//! A step as written: its kind, and its `with` decoded by that kind.

use serde_json::Map;
use toml::Spanned;
use toml::de::DeValue;

use super::findings::{Findings, Found, Span, quote};
use super::inventory::{Groups, Inventory};
use super::name::NameRule;
use super::order::{Item, read_after};
use super::scope::Scope;
use super::section::{Node, Section};
use super::value::{Read, Reader};
use super::{Code, Field, FieldType, KindSchema, Params, Retry, Schemas, Source, foreign, policy};
use crate::text::escape;

/// A step before it is spread over hosts.
#[derive(Debug)]
pub(super) struct Step<'s> {
    /// Its id and what it waits for.
    pub(super) item: Item,
    /// The name of its kind; empty when it has none.
    pub(super) kind: Spanned<String>,
    /// None when the kind is not known.
    pub(super) schema: Option<&'s KindSchema>,
    /// Complete; None when something in it is wrong or not known yet.
    pub(super) with: Option<Params>,
    pub(super) retry: Retry,
    pub(super) timeout_ms: u64,
    pub(super) doc: Option<String>,
}

/// What a file is read against.
#[derive(Clone, Copy)]
pub(super) struct Known<'x, 's> {
    /// The kinds.
    pub(super) schemas: &'s dyn Schemas,
    /// What `with` may refer to.
    pub(super) scope: &'x Scope,
    /// The inventory; None where there is none, or none that could be read.
    pub(super) machines: Option<&'x Inventory>,
}

impl<'s> Step<'s> {
    /// Reads a `[[stage.step]]`; `number` counts from 1, `place` is " of stage `x`".
    pub(super) fn read(
        node: &Node,
        number: usize,
        place: &str,
        known: Known<'_, 's>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let id = node.get_ref().get("id").and_then(|id| id.get_ref().as_str());
        let what =
            id.map_or_else(|| format!("step {number}{place}"), |id| format!("step {}{place}", quote(id)));
        let mut section = Section::of(what, node, findings)?;
        let id = section
            .require_text("id", findings)
            .and_then(|id| NameRule::Id.read(id, &section.name_of("id"), findings));
        let after = read_after(&mut section, findings);
        let kind = section.require_text("kind", findings);
        let schema = kind.as_ref().and_then(|kind| find_kind(kind, &section, known.schemas, findings));
        let with = section.get("with");
        let with = schema.and_then(|schema| read_with(schema, with, &section, known, findings));
        let retry = policy::retry(&mut section, findings);
        let default_timeout = schema.map_or(0, |schema| schema.timeout_ms);
        let timeout_ms = policy::timeout(&mut section, default_timeout, findings);
        let doc = section.doc(findings);
        let section_span = section.span.clone();
        let of_with = |key: &str| {
            let field = schema?.fields.iter().find(|field| field.name == key)?;
            Some(format!("it is a key of `with`: write {}", quote(&format!("with.{}", field.name))))
        };
        section.close_with(of_with, findings);
        let kind = kind.unwrap_or_else(|| Spanned::new(section_span, String::new()));
        Some(Self { item: Item { id, after }, kind, schema, with, retry, timeout_ms, doc })
    }
}

fn find_kind<'s>(
    kind: &Spanned<String>,
    step: &Section,
    schemas: &'s dyn Schemas,
    findings: &mut Findings,
) -> Option<&'s KindSchema> {
    let schema = schemas.schema(kind.get_ref());
    if schema.is_none() {
        let message = format!("{} is of an unknown kind {}", step.what, quote(kind.get_ref()));
        let mut found = Found::new(Code::UnknownKind, kind.span(), message).label("no such kind");
        found.help = foreign::kind(kind.get_ref())
            .filter(|meant| schemas.schema(meant).is_some())
            .map(|meant| format!("did you mean {}?", quote(meant)))
            .or_else(|| findings.suggest(kind.get_ref(), schemas.names()));
        findings.report(found);
    }
    schema
}

/// Decodes `with` by the fields of a kind, defaults filled in; None when something is wrong or not known yet.
fn read_with(
    schema: &KindSchema,
    with: Option<&Node>,
    step: &Section,
    known: Known,
    findings: &mut Findings,
) -> Option<Params> {
    let nothing = Spanned::new(step.span.clone(), DeValue::Table(toml::de::DeTable::new()));
    let node = with.unwrap_or(&nothing);
    let mut section = Section::of(step.name_of("with"), node, findings)?;
    let mut params = Some(Map::new());
    for field in schema.fields {
        let read = if let Some(node) = section.get(field.name) {
            let what = format!("{} of {}", quote(&format!("with.{}", field.name)), step.what);
            let read = Reader { scope: Some(known.scope), findings }.read(field.ty, node, &what);
            check_group(read, field, (&what, node.span()), known.machines, findings)
        } else {
            // A group that is meant where nothing is written need not be there: nobody may ask for it.
            left_out(field, schema, step, findings)
        };
        match (read, &mut params) {
            (Read::Known(value), Some(params)) => {
                params.insert(field.name.to_owned(), value);
            }
            (Read::Known(_), None) => {}
            (Read::Later | Read::Wrong, _) => params = None,
        }
    }
    section.close(findings);
    let params = Params(params?);
    if let Err(rule) = (schema.check)(&params) {
        findings.report(broken_rule(&rule, schema, node, (step, known.scope)));
    }
    Some(params)
}

/// A value that was read, unless it must be a group and the inventory does not have it, which is then a finding.
fn check_group(
    read: Read,
    field: &Field,
    (what, span): (&str, Span),
    machines: Option<&Inventory>,
    findings: &mut Findings,
) -> Read {
    let (FieldType::Group, Read::Known(value), Some(machines)) = (field.ty, &read, machines) else {
        return read;
    };
    let group = value.as_str().expect("a group is text");
    if machines.has_group(group) || machines.groups == Groups::SomeUnread {
        return read;
    }
    let message = format!("{what} is {}, and the inventory has no such group", quote(group));
    let is_host = machines.hosts.iter().any(|host| host.name == group);
    let label = if is_host { "a host, and not a group" } else { "no group with a host" };
    let mut found = Found::new(Code::UnknownHosts, span, message).label(label);
    found.help = findings.suggest(group, machines.group_names());
    findings.report(found);
    Read::Wrong
}

/// The finding of a rule of a kind that `with` breaks: at the first key that the rule names and `with` has.
fn broken_rule(rule: &str, schema: &KindSchema, with: &Node, (step, scope): (&Section, &Scope)) -> Found {
    let named: Vec<&Field> = rule
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|name| schema.fields.iter().find(|field| field.name == name))
        .collect();
    let written = named.iter().find_map(|field| with.get_ref().get(field.name));
    let span = written.map_or_else(|| step.span.clone(), Spanned::span);
    let message = format!("{} is not right: {}", step.name_of("with"), escape(rule));
    // A value that stands elsewhere is not seen in the excerpt.
    let trace = written.and_then(|node| scope.trace(node.get_ref().as_str()?));
    let found = Found::new(Code::Contradiction, span, message).label(trace.unwrap_or_default());
    let docs: Vec<String> = named
        .iter()
        .map(|field| format!("{}: {}", quote(&format!("with.{}", field.name)), field.doc))
        .collect();
    if docs.is_empty() { found.help(Code::Contradiction.remedy()) } else { found.help(docs.join(" ")) }
}

/// The value of a field that `with` does not have.
fn left_out(field: &Field, schema: &KindSchema, step: &Section, findings: &mut Findings) -> Read {
    if let Some(default) = field.default {
        return Read::Known(default_of(field, default, schema));
    }
    if field.ty == FieldType::OptionalString {
        return Read::Known(serde_json::Value::Null);
    }
    let key = format!("with.{}", field.name);
    let message = format!("{} has no {}", step.what, quote(&key));
    let found = Found::new(Code::MissingKey, step.span.clone(), message);
    let label = format!("kind {} needs {}: {}", quote(schema.name), quote(&key), field.doc);
    findings.report(found.label(label));
    Read::Wrong
}

/// The default of a field as a value.
///
/// # Panics
/// When it is not TOML of the field's type: a bug of the kind.
pub(super) fn default_of(field: &Field, default: &str, schema: &KindSchema) -> serde_json::Value {
    let mut findings = Findings::new(Source { name: schema.name, text: default });
    let read = DeValue::parse(default)
        .ok()
        .map(|node| Reader { scope: None, findings: &mut findings }.read(field.ty, &node, field.name));
    match read {
        Some(Read::Known(value)) => value,
        Some(Read::Later | Read::Wrong) | None => {
            panic!(
                "default `{default}` of `{}` of kind `{}` is not a {:?}",
                field.name, schema.name, field.ty
            )
        }
    }
}
