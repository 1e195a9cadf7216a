//! The DaemonSet etcd-defrag: what it is, its restart, and waiting for it.

use serde_json::json;

use super::objects::pretty;
use crate::lab::clockwork::rfc3339;
use crate::lab::exec::{Answer, Shell};
use crate::lab::state::DaemonSet;
use crate::lab::world::controllers::ROLLOUT_STEP;
use crate::lab::world::pods::DEFRAG;

fn find<'a>(shell: &'a Shell<'_>, name: &str, namespace: &str) -> Result<&'a DaemonSet, Answer> {
    let set = shell.state().objects.defrag.as_ref();
    set.filter(|_| name == DEFRAG && namespace == "kube-system").ok_or_else(|| {
        Answer::fail(1, format!("Error from server (NotFound): daemonsets.apps \"{name}\" not found\n"))
    })
}

/// Pods of the newest generation, and those of them that are ready.
fn updated(shell: &Shell<'_>, generation: u64) -> (usize, usize) {
    let nodes = shell.state().nodes.values();
    let newest = nodes.filter(|n| n.pods.get(DEFRAG).is_some_and(|p| p.generation == generation));
    let newest: Vec<_> = newest.collect();
    let ready =
        newest.iter().filter(|n| n.posted.get(DEFRAG).is_some_and(|p| p.generation == generation && p.ready));
    (newest.len(), ready.count())
}

/// `get daemonset NAME -o json`.
pub(super) fn daemonset(shell: &Shell<'_>, name: &str, namespace: &str, output: Option<&str>) -> Answer {
    let set = match find(shell, name, namespace) {
        Ok(set) => set,
        Err(answer) => return answer,
    };
    if output != Some("json") {
        return Answer::gap(format_args!("kubectl get daemonset -o {}", output.unwrap_or("(none)")));
    }
    let desired = shell.state().nodes.len();
    let (updated, _) = updated(shell, set.generation);
    let ready =
        shell.state().nodes.values().filter(|n| n.posted.get(DEFRAG).is_some_and(|p| p.ready)).count();
    let seconds = |ms: u64| (ms / 1000).cast_signed();
    let annotations = match set.restarted {
        Some(at) => json!({"kubectl.kubernetes.io/restartedAt": rfc3339(seconds(at))}),
        None => json!({}),
    };
    pretty(&json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "creationTimestamp": rfc3339(seconds(set.created)),
            "generation": set.generation,
            "name": name,
            "namespace": namespace,
        },
        "spec": {
            "selector": {"matchLabels": {"app": DEFRAG}},
            "template": {
                "metadata": {"annotations": annotations, "labels": {"app": DEFRAG}},
                "spec": {"containers": [{"name": DEFRAG}]},
            },
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
        },
        "status": {
            "currentNumberScheduled": desired,
            "desiredNumberScheduled": desired,
            "numberAvailable": ready,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberUnavailable": desired - ready,
            "observedGeneration": set.generation,
            "updatedNumberScheduled": updated,
        },
    }))
}

/// `rollout restart daemonset NAME`.
pub(super) fn restart(shell: &mut Shell<'_>, name: &str, namespace: &str) -> Answer {
    let now = shell.now();
    match find(shell, name, namespace) {
        Err(answer) => return answer,
        Ok(set) if set.restarted.is_some_and(|at| at / 1000 == now / 1000) => {
            let why = "error: failed to patch: if restart has already been triggered within the past second, please \
                       wait before attempting to trigger another\n";
            return Answer::fail(1, why);
        }
        Ok(_) => {}
    }
    if let Some(set) = &mut shell.change().state.objects.defrag {
        set.generation += 1;
        set.restarted = Some(now);
        set.step_at = None;
    }
    Answer::ok(format!("daemonset.apps/{name} restarted\n"))
}

/// `rollout status daemonset NAME`: waits as long as the rollout will take, or until its timeout.
pub(super) fn status(shell: &Shell<'_>, name: &str, namespace: &str, timeout: Option<u64>) -> Answer {
    let set = match find(shell, name, namespace) {
        Ok(set) => set,
        Err(answer) => return answer,
    };
    let all = shell.state().nodes.len();
    let (updated, ready) = updated(shell, set.generation);
    let waiting = |what: String| format!("Waiting for daemon set \"{name}\" rollout to finish: {what}...\n");
    let done = format!("daemon set \"{name}\" successfully rolled out\n");
    if updated == all && ready == all {
        return Answer::ok(done);
    }
    let step = shell.state().delay(ROLLOUT_STEP);
    let left = (all - updated) as u64;
    let (state, now) = (shell.state(), shell.now());
    let quorum = state.quorum(now);
    let can_go_on = state.controllers_work(now, &quorum)
        && state.nodes.iter().all(|(node, entry)| {
            entry.pods.get(DEFRAG).is_some_and(|p| p.generation == set.generation)
                || state.kubelet_is_heard(node, now, &quorum)
        });
    let first = set.step_at.filter(|_| can_go_on).map(|due| due.saturating_sub(now));
    // The last pod's kubelet tells that it is ready a moment after its start.
    let takes = match (left, first) {
        (0, _) => Some(step / 3),
        (left, Some(first)) => Some(first + (left - 1) * step + step / 3),
        (_, None) => None,
    };
    let mut text = String::new();
    for k in updated.max(1)..all {
        let line = waiting(format!("{k} out of {all} new pods have been updated"));
        text.push_str(&line);
        text.push_str(&line);
    }
    let in_time = |takes: &u64| timeout.is_none_or(|t| *takes <= shell.state().delay(t));
    if let Some(takes) = takes.filter(in_time) {
        text.push_str(&waiting(format!("{} of {all} updated pods are available", all - 1)));
        return Answer::ok(text).stdout(done).takes(takes);
    }
    let first = text.split_inclusive('\n').next().map(str::to_owned);
    let first = first.unwrap_or_else(|| waiting(format!("{ready} of {all} updated pods are available")));
    // Without a timeout it waits for ever; the lab lets it go after an hour.
    let waits = shell.state().delay(timeout.unwrap_or(3_600_000));
    Answer::fail(1, "error: timed out waiting for the condition\n").stdout(first).takes(waits)
}
