//! Asks many hosts side by side, a few at a time; tells of each as soon as it answers, and again in its turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use certwright_engine::clock::Clock;
use certwright_steps::certs::{Ask, Kubeconfigs, Report, look, tree_with, workstation};
use certwright_steps::tools::collect::{Keys, Tree};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::live::Audience;
use super::target::Target;

/// How long one host may take.
const WITHIN: Duration = Duration::from_secs(90);

/// What is asked of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Whether keys are looked at.
    pub(crate) keys: Keys,
    /// Whether what runs is asked, too.
    pub(crate) ask: Ask,
    /// Hosts at a time.
    pub(crate) at_once: usize,
    /// What becomes of the connections.
    pub(crate) connections: Connections,
}

/// What becomes of a connection once its host was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// It is there for the next look.
    Kept,
    /// It is closed, so that no more are open than are asked at a time.
    Closed,
}

/// Asks all; the reports are in the order of the targets, as are those of the look before, where there was one.
pub(crate) async fn ask(
    targets: &[Target],
    before: Vec<Report>,
    asked: Asked,
    clock: &Clock,
    audience: &mut dyn Audience,
) -> Vec<Report> {
    let places = Arc::new(Semaphore::new(asked.at_once.max(1)));
    let mut side_by_side = JoinSet::new();
    let before = before.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    for ((at, target), before) in targets.iter().enumerate().zip(before) {
        let (places, target, clock) = (Arc::clone(&places), target.clone(), clock.clone());
        side_by_side.spawn(async move {
            let _place = places.acquire_owned().await;
            let report = match tokio::time::timeout(WITHIN, one(&target, asked, &clock, before)).await {
                Ok(report) => report,
                Err(_elapsed) => {
                    let within = humantime::format_duration(WITHIN);
                    let message = format!("{}: no answer within {within}", target.name());
                    Report::failed(target.name(), message, target.by_hand())
                }
            };
            (at, report)
        });
    }
    let mut left: Vec<Option<&str>> = targets.iter().map(|target| Some(target.name())).collect();
    let mut waiting: BTreeMap<usize, Report> = BTreeMap::new();
    let mut told = Vec::with_capacity(targets.len());
    while let Some(done) = side_by_side.join_next().await {
        let (at, report) = done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        left[at] = None;
        audience.answered(&report, &left.iter().flatten().copied().collect::<Vec<_>>());
        waiting.insert(at, report);
        while let Some(report) = waiting.remove(&told.len()) {
            audience.in_turn(&report);
            told.push(report);
        }
    }
    told
}

async fn one(target: &Target, asked: Asked, clock: &Clock, before: Option<Report>) -> Report {
    match target {
        Target::Node(host) => {
            let report = look(host.as_ref(), clock, asked.keys, asked.ask, before).await;
            match asked.connections {
                Connections::Kept => {}
                Connections::Closed => host.close().await,
            }
            report
        }
        Target::Workstation(host, cluster) => workstation(host.as_ref(), cluster, Kubeconfigs::All).await,
        Target::Tree(name, folder, here) => match Tree::open(folder) {
            Ok(tree) => tree_with(name, &tree, asked.keys, here.as_deref(), asked.ask).await,
            Err(error) => {
                Report::failed(name, error.to_string(), Some("see whether you may read it".to_owned()))
            }
        },
    }
}
