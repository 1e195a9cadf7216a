//! Words of other engines (Ansible, GitHub Actions, GitLab, Argo, Terraform), and what they are called here.
//!
//! Only help comes from here: a foreign word is as wrong as any other.

/// What to write instead of a key that means nothing in a table where `known` ones do.
pub(super) fn key(written: &str, known: &[&str]) -> Option<String> {
    let written = written.to_lowercase().replace('_', "-");
    let own = |names: &[&str]| {
        names.iter().find(|name| known.contains(name)).map(|name| format!("did you mean `{name}`?"))
    };
    let in_steps = known.contains(&"kind") || known.contains(&"rolling");
    match written.as_str() {
        "needs" | "depends-on" | "dependson" | "depends" | "dependencies" | "requires" | "wait-for" => {
            own(&["after"])
        }
        "hosts" | "host" | "targets" | "target" | "runs-on" => own(&["on"]),
        "serial" | "forks" | "parallel" | "concurrency" | "max-parallel" | "batch" => own(&["rolling"]),
        "retries" | "tries" => own(&["retry"]).map(|_| "write `retry = { attempts = 3 }`".to_owned()),
        "description" | "comment" | "title" => own(&["doc"]),
        "uses" | "module" | "type" | "action" => own(&["kind"]),
        "args" | "arguments" | "options" => own(&["with"]),
        "vars" | "variables" | "inputs" | "parameters" => own(&["params", "with"]),
        "name" => own(&["id"]),
        "stages" | "jobs" | "tasks" | "steps" => own(&["stage", "step"]),
        "when" | "if" | "unless" | "condition" | "only-if" | "not-if" if in_steps => Some(
            "there are no conditions: a step looks first, and does nothing where nothing is to be done"
                .to_owned(),
        ),
        "loop" | "foreach" | "for-each" | "with-items" | "matrix" if in_steps => {
            Some("there are no loops: a stage does its steps on every host that its `on` names".to_owned())
        }
        "ignore-errors" | "continue-on-error" | "allow-failure" | "failed-when" | "on-error"
        | "on-failure"
            if in_steps =>
        {
            Some("no failure is passed over: it ends the run; `retry` says what is tried again".to_owned())
        }
        "command" | "cmd" | "shell" | "script" | "run" | "exec" if known.contains(&"kind") => {
            Some("write `kind = \"command\"` and `with.argv = [\"program\", \"argument\"]`".to_owned())
        }
        _ => None,
    }
}

/// The kind that another engine's word for one stands for.
pub(super) fn kind(written: &str) -> Option<&'static str> {
    matches!(written, "shell" | "script" | "exec" | "run" | "cmd" | "bash" | "sh" | "raw")
        .then_some("command")
}

/// The type of a param that another language's word for one stands for.
pub(super) fn param_type(written: &str) -> Option<&'static str> {
    match written.to_lowercase().as_str() {
        "int" | "number" | "uint" | "long" => Some("integer"),
        "str" | "text" => Some("string"),
        "boolean" => Some("bool"),
        "list" | "array" | "list(string)" => Some("strings"),
        "file" | "folder" | "directory" => Some("path"),
        "time" | "seconds" | "timeout" | "interval" => Some("duration"),
        _ => None,
    }
}

/// The class of errors that another word for one stands for.
pub(super) fn error_class(written: &str) -> Option<&'static str> {
    match written.to_lowercase().as_str() {
        "timeout" | "timed-out" | "deadline" | "deadlineexceeded" | "deadline_exceeded" => {
            Some("deadline-exceeded")
        }
        "connection-refused" | "unreachable" | "network" => Some("unavailable"),
        "connection-lost" | "disconnected" => Some("unknown"),
        _ => None,
    }
}
