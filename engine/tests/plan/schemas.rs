//! Kinds for tests of the language: one of each type of field, and nothing that runs.

use certwright_engine::plan::{
    CancelPolicy, Field, FieldType, KindSchema, Nature, On, Params, Schemas, UndoSupport,
};

/// A fixed set of kinds.
pub(crate) struct Kinds(pub(crate) &'static [KindSchema]);

impl Schemas for Kinds {
    fn schema(&self, kind: &str) -> Option<&KindSchema> {
        self.0.iter().find(|schema| schema.name == kind)
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|schema| schema.name).collect()
    }
}

const fn field(name: &'static str, ty: FieldType, default: Option<&'static str>) -> Field {
    Field { name, ty, default, doc: "for tests" }
}

const COLORS: &[&str] = &["red", "green", "blue"];

/// `look` only looks, `paint` has a field of every type but a group, `pair` wants one of two; `node` and `desk` do not run
/// everywhere, and `node` names a group.
pub(crate) const KINDS: Kinds = Kinds(&[
    KindSchema {
        name: "look",
        doc: "looks",
        fields: &[],
        on: On::Anywhere,
        nature: Nature::Checking,
        cancel: CancelPolicy::Abort,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    },
    KindSchema {
        name: "paint",
        doc: "takes a value of every type",
        fields: &[
            field("title", FieldType::String, None),
            field("note", FieldType::OptionalString, None),
            field("gloss", FieldType::Bool, Some("false")),
            field("coats", FieldType::Integer, Some("2")),
            field("dries-in", FieldType::Duration, Some("\"90s\"")),
            field("wall", FieldType::Path, Some("\"/wall\"")),
            field("argv", FieldType::Strings, Some("[]")),
            field("walls", FieldType::Paths, Some("[]")),
            field("color", FieldType::OneOf(COLORS), Some("\"red\"")),
            field("colors", FieldType::SomeOf(COLORS), Some("[\"red\", \"green\", \"blue\"]")),
        ],
        on: On::Anywhere,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Supported,
        timeout_ms: 120_000,
        check: |_| Ok(()),
    },
    KindSchema {
        name: "node",
        doc: "is for nodes",
        fields: &[field("among", FieldType::Group, Some("\"control-plane\""))],
        on: On::Nodes,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    },
    KindSchema {
        name: "desk",
        doc: "is for the workstation",
        fields: &[],
        on: On::Workstation,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Nothing,
        timeout_ms: 60_000,
        check: |_| Ok(()),
    },
    KindSchema {
        name: "pair",
        doc: "wants one of two",
        fields: &[
            field("left", FieldType::OptionalString, None),
            field("right", FieldType::Strings, Some("[]")),
        ],
        on: On::Anywhere,
        nature: Nature::Acting,
        cancel: CancelPolicy::Finish,
        undo: UndoSupport::Unsupported,
        timeout_ms: 60_000,
        check: one_of_two,
    },
]);

fn one_of_two(params: &Params) -> Result<(), String> {
    match (params.opt_str("left"), params.strings("right").is_empty()) {
        (None, true) => Err("at least one of `left` and `right` is needed".to_owned()),
        (Some("wrong"), _) => Err("`left` is not as `right` wants it".to_owned()),
        (Some(_), _) | (None, false) => Ok(()),
    }
}

const COMPONENTS: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
const ALL_COMPONENTS: Option<&str> =
    Some(r#"["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]"#);

const fn kind(
    name: &'static str,
    on: On,
    nature: Nature,
    undo: UndoSupport,
    fields: &'static [Field],
) -> KindSchema {
    let cancel = CancelPolicy::Finish;
    KindSchema { name, doc: "", fields, on, nature, cancel, undo, timeout_ms: 60_000, check: |_| Ok(()) }
}

/// The fields of the kinds of certwright-steps, as it declares them.
pub(crate) const SHIPPED: Kinds = Kinds(&[
    kind(
        "preflight",
        On::Nodes,
        Nature::Checking,
        UndoSupport::Nothing,
        &[
            field("programs", FieldType::Strings, Some(r#"["kubeadm", "crictl"]"#)),
            field("min-free-mib", FieldType::Integer, Some("256")),
            field("max-clock-skew", FieldType::Duration, Some("\"60s\"")),
            field("cert-dir", FieldType::Path, Some("\"/etc/kubernetes/pki\"")),
        ],
    ),
    kind(
        "backup",
        On::Nodes,
        Nature::Acting,
        UndoSupport::Nothing,
        &[
            field("paths", FieldType::Paths, None),
            field("to", FieldType::Path, Some("\"/var/lib/certwright/backups\"")),
            field("before", FieldType::Duration, Some("\"30d\"")),
            field("force", FieldType::Bool, Some("false")),
            field("keep", FieldType::Integer, Some("5")),
        ],
    ),
    kind(
        "kubeadm-renew",
        On::Nodes,
        Nature::Acting,
        UndoSupport::Supported,
        &[
            field("before", FieldType::Duration, Some("\"30d\"")),
            field("force", FieldType::Bool, Some("false")),
            field("cert-dir", FieldType::Path, Some("\"/etc/kubernetes/pki\"")),
            field("backups", FieldType::Path, Some("\"/var/lib/certwright/backups\"")),
        ],
    ),
    kind(
        "verify-certificates",
        On::Nodes,
        Nature::Checking,
        UndoSupport::Nothing,
        &[
            field("before", FieldType::Duration, Some("\"30d\"")),
            field("cert-dir", FieldType::Path, Some("\"/etc/kubernetes/pki\"")),
        ],
    ),
    kind(
        "restart-static-pods",
        On::Nodes,
        Nature::Acting,
        UndoSupport::Nothing,
        &[
            field("components", FieldType::SomeOf(COMPONENTS), ALL_COMPONENTS),
            field("restart", FieldType::OneOf(&["all", "needed"]), Some("\"all\"")),
            field("grace", FieldType::Duration, Some("\"5s\"")),
            field("ready-within", FieldType::Duration, Some("\"6m\"")),
            field("balancer-time", FieldType::Duration, Some("\"0s\"")),
        ],
    ),
    kind(
        "api-ready",
        On::Nodes,
        Nature::Checking,
        UndoSupport::Nothing,
        &[field("kubeconfig", FieldType::Path, Some("\"/etc/kubernetes/admin.conf\""))],
    ),
    kind(
        "replace-kubeconfig",
        On::Workstation,
        Nature::Acting,
        UndoSupport::Supported,
        &[
            field("fallback-group", FieldType::Group, Some("\"control-plane\"")),
            field("secret", FieldType::OptionalString, None),
        ],
    ),
    kind(
        "kubelet-certificates",
        On::Nodes,
        Nature::Checking,
        UndoSupport::Nothing,
        &[field("before", FieldType::Duration, Some("\"0s\""))],
    ),
    kind(
        "kubelet-client",
        On::Nodes,
        Nature::Acting,
        UndoSupport::Nothing,
        &[
            field("cert-dir", FieldType::Path, Some("\"/etc/kubernetes/pki\"")),
            field("backups", FieldType::Path, Some("\"/var/lib/certwright/backups\"")),
            field("rotated-within", FieldType::Duration, Some("\"0s\"")),
            field("approve-serving", FieldType::Bool, Some("false")),
        ],
    ),
    kind(
        "rollout-restart",
        On::Workstation,
        Nature::Acting,
        UndoSupport::Nothing,
        &[
            field("resource", FieldType::String, None),
            field("namespace", FieldType::String, Some("\"kube-system\"")),
            field(
                "newer-than",
                FieldType::Paths,
                Some(r#"["/etc/kubernetes/pki/apiserver-etcd-client.crt"]"#),
            ),
            field("group", FieldType::Group, Some("\"control-plane\"")),
            field("within", FieldType::Duration, Some("\"5m\"")),
        ],
    ),
    kind(
        "pods-healthy",
        On::Anywhere,
        Nature::Checking,
        UndoSupport::Nothing,
        &[field("namespace", FieldType::String, Some("\"kube-system\""))],
    ),
    kind(
        "scan-logs",
        On::Nodes,
        Nature::Checking,
        UndoSupport::Nothing,
        &[
            field("components", FieldType::SomeOf(COMPONENTS), ALL_COMPONENTS),
            field("patterns", FieldType::Strings, Some(r#"["x509: "]"#)),
        ],
    ),
    kind(
        "command",
        On::Anywhere,
        Nature::Acting,
        UndoSupport::Unsupported,
        &[
            field("argv", FieldType::Strings, None),
            field("unless", FieldType::Strings, Some("[]")),
            field("creates", FieldType::OptionalString, None),
        ],
    ),
]);
