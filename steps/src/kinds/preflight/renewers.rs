//! Others on the node that renew the same certificates by schedule.

use certwright_engine::host::Host;
use certwright_engine::step::StepError;

use crate::kinds::facts::Warning;
use crate::tools::schedules::{self, Schedule};

/// Whoever renews beside this run: two at once leave files that do not belong together.
pub(super) async fn competing(host: &dyn Host) -> Result<Vec<Warning>, StepError> {
    let found = match schedules::renewers(host).await? {
        Ok(found) => found,
        Err(why) => {
            return Ok(vec![Warning::new(
                format!("whether something else renews certificates by schedule cannot be told: {why}"),
                "see `systemctl list-timers` and the crontabs of that node",
            )]);
        }
    };
    let warning = |renewer: schedules::Renewer| {
        let path = renewer.path;
        match renewer.by {
            Schedule::Timer(name) => Warning::new(
                format!("{name} renews the same certificates ({path})"),
                format!(
                    "let it rest while the run lasts: `systemctl stop {name}`, and `systemctl start {name}` after it"
                ),
            ),
            Schedule::Cron(tab) => {
                let by = if tab == path { String::new() } else { format!(" ({path})") };
                Warning::new(
                    format!("cron renews the same certificates: {tab}{by}"),
                    "see that it does not run while the run lasts",
                )
            }
        }
    };
    Ok(found.into_iter().map(warning).collect())
}
