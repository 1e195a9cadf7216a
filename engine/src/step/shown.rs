//! What a step says, made fit for terminal, JSON and journal.
//!
//! Invariant: the words of every kind pass here, whoever calls the step, so a kind that forgets to escape a host's words
//! shows them harmless all the same. Deliberately absent: facts. They are values (paths, names) that later operations
//! need as they are; whoever writes them out escapes what it writes.

use async_trait::async_trait;

use super::{Context, Done, Evidence, Facts, Outlook, Probe, Step, StepError};
use crate::text::{escape, line};

/// A step whose words may be shown.
pub(super) struct Shown(pub(super) Box<dyn Step>);

#[async_trait]
impl Step for Shown {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        self.0.probe(cx).await.map(probe).map_err(error)
    }

    async fn apply(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        self.0.apply(cx, facts).await.map(done).map_err(error)
    }

    async fn verify(&self, cx: &Context, facts: &Facts) -> Result<Probe, StepError> {
        self.0.verify(cx, facts).await.map(probe).map_err(error)
    }

    async fn undo(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        self.0.undo(cx, facts).await.map(done).map_err(error)
    }

    fn outlook(&self, facts: &Facts) -> Option<Outlook> {
        let Outlook { summary, commands } = self.0.outlook(facts)?;
        Some(Outlook { summary: line(&summary), commands: each(&commands) })
    }

    fn commands(&self, facts: &Facts) -> Vec<String> {
        each(&self.0.commands(facts))
    }
}

fn probe(Probe { verdict, facts, summary }: Probe) -> Probe {
    Probe { verdict, facts, summary: line(&summary) }
}

fn done(Done { summary }: Done) -> Done {
    Done { summary: line(&summary) }
}

fn error(StepError { class, message, remedy, evidence }: StepError) -> StepError {
    let seen = |evidence: Box<Evidence>| {
        let Evidence { command, status, last_lines } = *evidence;
        Box::new(Evidence { command: escape(&command), status, last_lines: each(&last_lines) })
    };
    StepError {
        class,
        message: line(&message),
        remedy: remedy.as_deref().map(escape),
        evidence: evidence.map(seen),
    }
}

fn each(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| escape(text)).collect()
}
