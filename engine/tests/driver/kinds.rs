//! Three kinds over fake hosts: `set` (undone, finished on cancel), `poke` (neither) and `check`.

use async_trait::async_trait;
use certwright_engine::host::Command;
use certwright_engine::machine::{Facts, StepError};
use certwright_engine::plan::{CancelPolicy, ErrorClass, KindSchema, Nature, On, Params, UndoSupport};
use certwright_engine::step::{Context, Done, Kind, Probe, Registry, Step, refused};

/// What a key holds once its step is done.
pub(crate) const WANTED: &str = "new";

struct Set {
    key: String,
}

struct Check {
    key: String,
}

impl Set {
    async fn write(&self, cx: &Context, value: &str) -> Result<Done, StepError> {
        let command = Command::mutates(["set", &self.key, value]);
        let output = cx.run(&command).await?;
        if output.success() {
            Ok(Done::new(format!("wrote {}", self.key)))
        } else {
            Err(refused(ErrorClass::Refused, format!("{} was not written", self.key), &command, &output))
        }
    }
}

#[async_trait]
impl Step for Set {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        cx.progress.tell("looking");
        let old = cx.host.read(&self.key).await?.map(|bytes| String::from_utf8(bytes).unwrap());
        let found = if old.as_deref() == Some(WANTED) {
            Probe::satisfied("as wanted")
        } else {
            Probe::drifted(format!("{} is {old:?}", self.key))
        };
        Ok(found.facts(&old))
    }

    async fn apply(&self, cx: &Context, _: &Facts) -> Result<Done, StepError> {
        self.write(cx, WANTED).await
    }

    async fn undo(&self, cx: &Context, facts: &Facts) -> Result<Done, StepError> {
        let old: String = facts.read().unwrap_or_default();
        let done = self.write(cx, &old).await?;
        // Exit code 0 is no evidence here either, and nothing verifies an undo but the undo.
        let now = cx.host.read(&self.key).await?.unwrap_or_default();
        if now == old.as_bytes() {
            return Ok(done);
        }
        Err(StepError::new(ErrorClass::Unsatisfied, format!("{} is not restored", self.key)))
    }
}

#[async_trait]
impl Step for Check {
    async fn probe(&self, cx: &Context) -> Result<Probe, StepError> {
        match cx.host.read(&self.key).await? {
            Some(_) => Ok(Probe::satisfied("it is there")),
            None => Ok(Probe::drifted(format!("{} is not there yet", self.key))),
        }
    }
}

fn schema(name: &'static str, nature: Nature, cancel: CancelPolicy, undo: UndoSupport) -> KindSchema {
    let check = |_: &Params| Ok(());
    KindSchema {
        name,
        doc: "a test's",
        fields: &[],
        on: On::Anywhere,
        nature,
        cancel,
        undo,
        timeout_ms: 60_000,
        check,
    }
}

pub(crate) fn registry() -> Registry {
    let set = |with: &Params| Box::new(Set { key: with.str("key").into() }) as Box<dyn Step>;
    let check = |with: &Params| Box::new(Check { key: with.str("key").into() }) as Box<dyn Step>;
    let acting = |name, cancel, undo| Kind::new(schema(name, Nature::Acting, cancel, undo), set);
    Registry::new([
        acting("set", CancelPolicy::Finish, UndoSupport::Supported),
        acting("poke", CancelPolicy::Abort, UndoSupport::Nothing),
        Kind::new(schema("check", Nature::Checking, CancelPolicy::Abort, UndoSupport::Nothing), check),
    ])
}
