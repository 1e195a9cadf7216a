//! From what was seen to what is wrong.

use certwright_engine::machine::{Evidence, StepError, Verdict};
use certwright_engine::plan::{Plan, TaskId, WORKSTATION};
use certwright_steps::checkup::{About, Checkup, recent};
use certwright_steps::diagnosis::{self, Grade, Source, Text};
use certwright_steps::kinds::{CertificateFacts, certificate_facts, component_troubles, is_no_node};

use super::quorum::{beside_the_others, quorum};
use super::{Examination, Finding, cause_of};
use crate::preview::{Looked, Seen};
use crate::when;

/// Everything that is wrong, in no order.
pub(super) fn judge(seen: &Examination, plan: &Plan, now: i64, run: &str) -> Vec<Finding> {
    let judge = Judge { plan, now, run };
    let mut findings = Vec::new();
    for (index, dark) in &seen.dark {
        let host = &plan.hosts[index.0 as usize].name;
        findings.push(Finding { id: "unreachable", ..judge.of_error(host, "unreachable", &dark.error) });
    }
    let elsewhere = elsewhere(seen, plan);
    for (task, looked) in &seen.looked {
        let is_preflight = plan.step(*task).kind == "preflight";
        if elsewhere.contains(&plan.host(*task).name.as_str()) && !is_preflight {
            continue;
        }
        match looked {
            Ok(looked) if looked.verdict == Verdict::Satisfied || judge.is_told(*task, seen) => {}
            Ok(seen) => findings.extend(judge.drifted(*task, seen)),
            Err(error) => findings.extend(judge.failed(*task, error, seen)),
        }
    }
    let nodes = seen.dark.keys().map(|index| plan.hosts[index.0 as usize].name.as_str());
    let dark: Vec<&str> = nodes.filter(|name| *name != WORKSTATION).collect();
    findings.extend(quorum(&seen.checkups, &dark, run));
    for checkup in seen.checkups.iter().filter(|checkup| !elsewhere.contains(&checkup.host.as_str())) {
        findings.extend(judge.texts(checkup));
    }
    findings.into_iter().map(|finding| beside_the_others(finding, &seen.checkups, &dark)).collect()
}

/// Hosts that are no control-plane nodes: the cures of all else would make such of them.
fn elsewhere<'a>(seen: &Examination, plan: &'a Plan) -> Vec<&'a str> {
    let is = |(task, looked): (&TaskId, &Looked)| {
        let name = plan.host(*task).name.as_str();
        looked.as_ref().err().filter(|error| is_no_node(error)).map(|_| name)
    };
    seen.looked.iter().filter_map(is).collect()
}

struct Judge<'a> {
    plan: &'a Plan,
    /// Seconds since 1970.
    now: i64,
    /// The command that renews.
    run: &'a str,
}

impl Judge<'_> {
    /// Whether `kubelet-client` tells of the same host's certificate: with what hangs on it, and what mends it.
    fn is_told(&self, task: TaskId, all: &Examination) -> bool {
        let host = self.plan.task(task).host;
        let client = |other: &TaskId| {
            self.plan.task(*other).host == host && self.plan.step(*other).kind == "kubelet-client"
        };
        let told = |looked: &Result<Seen, StepError>| {
            looked.as_ref().map_or(true, |seen| seen.verdict == Verdict::Drifted)
        };
        self.plan.step(task).kind == "kubelet-certificates"
            && all.looked.iter().any(|(other, looked)| client(other) && told(looked))
    }

    /// A probe that found something not to be as wanted.
    fn drifted(&self, task: TaskId, seen: &Seen) -> Vec<Finding> {
        let (host, kind) = (&self.plan.host(task).name, self.plan.step(task).kind.as_str());
        let certificates = certificate_facts(&seen.facts).unwrap_or_default();
        let ended = certificates.iter().any(|c| c.not_after <= self.now);
        let (id, grade) = match kind {
            "verify-certificates" => {
                let unsound =
                    certificates.iter().any(|c| !c.key_matches || !c.signed || c.not_before > self.now);
                let unread = seen.summary.contains(" is missing") || certificates.is_empty();
                if unsound || unread {
                    ("certificates-broken", Grade::Broken)
                } else if ended {
                    ("certificates-expired", Grade::Broken)
                } else {
                    ("certificates-due", Grade::Endangered)
                }
            }
            "kubelet-client" => ("kubelet-client", Grade::Broken),
            "kubelet-certificates" if ended => ("kubelet-certificates", Grade::Broken),
            "kubelet-certificates" => ("kubelet-certificates", Grade::Endangered),
            "restart-static-pods" => return self.components(host, seen),
            "replace-kubeconfig" if ended || certificates.is_empty() => ("kubeconfig", Grade::Broken),
            "replace-kubeconfig" => ("kubeconfig", Grade::Endangered),
            "api-ready" => ("api", Grade::Broken),
            _pods => ("pods", Grade::Broken),
        };
        let cure = match kind {
            "pods-healthy" => vec!["kubectl get pods -n kube-system -o wide; kubectl describe pod -n kube-system POD".to_owned()],
            "kubelet-certificates" => vec![
                "kubectl get csr   # is one of this node pending? The kubelet asks by itself while an API server answers"
                    .to_owned(),
            ],
            _renewed => vec![self.run.to_owned()],
        };
        let evidence = self.dates(&certificates);
        let follows = match kind {
            "kubelet-client" => {
                ": the kubelet ends once an API server answers, and nothing brings a stopped container back"
            }
            _other => "",
        };
        let cause = format!("{host}: {}{follows}", seen.summary);
        vec![Finding { evidence, cure, ..Finding::new(id, grade, host.clone(), cause) }]
    }

    /// When each certificate that has ended, or soon will, does.
    fn dates(&self, certificates: &[CertificateFacts]) -> Vec<String> {
        const SOON: i64 = 30 * 86_400;
        let due = certificates.iter().filter(|c| c.not_after - self.now < SOON);
        let date = |at: i64| when::date(u64::try_from(at).unwrap_or(0).saturating_mul(1000));
        due.map(|c| {
            let verb = if c.not_after <= self.now { "ended" } else { "ends" };
            format!("{} {verb} {} UTC ({})", c.name, date(c.not_after), c.path)
        })
        .collect()
    }

    /// A component that is not ready is broken; one that holds on to old files works still.
    fn components(&self, host: &str, seen: &Seen) -> Vec<Finding> {
        let troubles = component_troubles(&seen.facts).unwrap_or_default();
        let one = |trouble: certwright_steps::kinds::ComponentTrouble| {
            let name = &trouble.name;
            let (grade, cure) = if trouble.stale {
                (Grade::Endangered, vec![self.run.to_owned()])
            } else {
                let look = format!("crictl ps -a --name '^{name}$'; crictl logs --tail 50 ID   # on {host}");
                (Grade::Broken, vec![look])
            };
            let cause = format!("{host}: {}", trouble.reason);
            Finding { cure, ..Finding::new("components", grade, host.to_owned(), cause) }
        };
        troubles.into_iter().map(one).collect()
    }

    /// A probe that failed.
    fn failed(&self, task: TaskId, error: &StepError, all: &Examination) -> Vec<Finding> {
        let (host, kind) = (&self.plan.host(task).name, self.plan.step(task).kind.as_str());
        if all.dark.values().any(|dark| error.message.contains(&dark.error.message)) {
            // Told already at the host itself; what was not judged for it is said.
            let cause = format!("{host}: {kind} could not judge: {}", error.message);
            return vec![Finding::new("not-judged", Grade::Note, host.clone(), cause)];
        }
        match kind {
            "preflight" => self.preflight(host, error),
            // `kubelet-client` says it.
            "restart-static-pods" if error.message.contains("would not come back") => Vec::new(),
            "verify-certificates" => vec![self.of_error(host, "certificates-broken", error)],
            "kubelet-client" => vec![self.of_error(host, "kubelet-client", error)],
            "kubelet-certificates" => vec![self.of_error(host, "kubelet-certificates", error)],
            "restart-static-pods" => vec![self.of_error(host, "components", error)],
            "api-ready" => vec![Finding { id: "api", ..self.of_error(host, "api", error) }],
            "replace-kubeconfig" => {
                vec![Finding { id: "kubeconfig", ..self.of_error(host, "kubeconfig", error) }]
            }
            _pods => vec![Finding { id: "pods", ..self.of_error(host, "pods", error) }],
        }
    }

    /// Every finding of preflight's; the first one's remedy is whole, those of the others are in their lines.
    fn preflight(&self, host: &str, error: &StepError) -> Vec<Finding> {
        let Some(Evidence { status: None, last_lines, .. }) = error.evidence.as_deref() else {
            return vec![self.of_error(host, "preflight", error)];
        };
        let one = |(at, line): (usize, &String)| {
            let first = if at == 0 { error.remedy.as_deref() } else { None };
            let what = first.and_then(|remedy| line.strip_suffix(remedy.lines().next()?)?.strip_suffix(": "));
            let cure = first.map(|remedy| remedy.lines().map(str::to_owned).collect()).unwrap_or_default();
            let cause = format!("{host}: {}", what.unwrap_or(line));
            Finding { cure, ..Finding::new("preflight", Grade::Broken, host.to_owned(), cause) }
        };
        last_lines.iter().enumerate().map(one).collect()
    }

    /// An error by the known text in it, else by its own words.
    fn of_error(&self, host: &str, id: &'static str, error: &StepError) -> Finding {
        let mut evidence: Vec<String> = Vec::new();
        if let Some(Evidence { command, status: Some(status), last_lines }) = error.evidence.as_deref() {
            evidence.push(format!("$ {command}   # status {status}"));
            evidence.extend(last_lines.iter().rev().take(3).rev().cloned());
        }
        let host = host.to_owned();
        if let Some(known) = cause_of(&host, error, self.now) {
            evidence.insert(0, error.message.clone());
            let cure = self.cure(known.cure);
            return Finding { evidence, cure, ..Finding::new(known.id, known.grade, host, known.cause) };
        }
        let cure = error.remedy.iter().flat_map(|remedy| remedy.lines()).map(str::to_owned).collect();
        Finding { evidence, cure, ..Finding::new(id, Grade::Broken, host, error.message.clone()) }
    }

    /// The lines of a cure, with the command that renews this very cluster.
    fn cure(&self, lines: Vec<String>) -> Vec<String> {
        let own = |line: String| if line == diagnosis::RENEW { self.run.to_owned() } else { line };
        lines.into_iter().map(own).collect()
    }

    /// What the logs and programs of a node say.
    fn texts(&self, checkup: &Checkup) -> Vec<Finding> {
        let told = checkup.answers.iter().filter_map(|answer| {
            let text = answer.text.lossy();
            let (source, text) = match answer.about {
                About::Log(name) => (Source::Log(name), recent(&text, self.now)),
                About::Program(name) => (Source::Program(name), text.into_owned()),
                About::Plain => return None,
            };
            Some((source, text))
        });
        let told: Vec<(Source<'_>, String)> = told.collect();
        let texts: Vec<Text<'_>> =
            told.iter().map(|(source, text)| Text { host: &checkup.host, source: *source, text }).collect();
        let mut findings: Vec<Finding> = diagnosis::read(&texts, self.now)
            .into_iter()
            .map(|known| Finding {
                evidence: vec![format!("{} ({} times): {}", known.source, known.count, known.line)],
                cure: self.cure(known.cure),
                ..Finding::new(known.id, known.grade, known.host, known.cause)
            })
            .collect();
        findings.extend(checkup.ended.as_ref().map(|why| {
            let cause = format!("{} could not be looked at whole: {why}", checkup.host);
            Finding::new("incomplete", Grade::Broken, checkup.host.clone(), cause)
        }));
        findings
    }
}
