//! One changing step, its line cut at every frame of ssh's protocol and at random bytes, in both directions.
//!
//! A step is done as the driver does it: look, change, look again; after an error settle, and again. Whatever byte
//! was the last to pass, the change must be made once, the error must not claim that nothing was started when
//! something was, and after settle the node is in the state before or after. `CERTWRIGHT_SEED=n` cuts where that
//! seed did, and `CERTWRIGHT_CUTS=n` makes the campaign so long.

use certwright_engine::host::HostError;
use certwright_engine::text::Secret;

use super::row::Row;
use crate::chaos::{Chaos, End, Fault, Line, Way};
use crate::random::Random;
use crate::{Command, Duration, Host, Node, SshHost, ok, ran, sh, times};

/// Random cuts in CI, and in the long campaign.
const CUTS: usize = 500;
const CAMPAIGN: usize = 10_000;

/// Nodes that are used side by side.
const LANES: usize = 4;

/// Whether the connection stands already when the step begins; where it does not, its set-up is cut too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Warm,
    Cold,
}

/// One cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    start: Start,
    way: Way,
    after: u64,
    how: End,
}

/// What the cuts came to.
#[derive(Debug, Default)]
struct Totals {
    cuts: usize,
    not_reached: usize,
    unknown: usize,
    /// The line was cut, and the call connected again by itself or had its result already.
    unnoticed: usize,
    /// Steps that were shorter than the cut wanted.
    missed: usize,
}

/// A node behind a proxy that does the step again and again.
struct Lane {
    node: Node,
    chaos: Chaos,
    host: SshHost,
    totals: Totals,
}

impl Lane {
    async fn start() -> Self {
        let node = Node::start_with("cuts", "KexAlgorithms curve25519-sha256");
        let chaos = Chaos::to(node.sshd.port());
        let host = node.host_through(&chaos);
        ok(&host, &Command::reads(["true"])).await;
        Self { node, chaos, host, totals: Totals::default() }
    }

    /// The node as it was before the step, nothing known of it, and the connection as the case wants it.
    async fn reset(&mut self, start: Start) {
        for file in ["changed", "effects"] {
            // Nothing is there before the first step.
            let _absent = std::fs::remove_file(self.node.path(file));
        }
        // So that the step claims the node again. A line that was cut behind the last byte of the step before is
        // found out by the next call.
        if self.host.release().await.is_err() {
            self.host.release().await.expect("a good line");
        }
        match start {
            Start::Cold => self.host.close().await,
            Start::Warm => drop(ok(&self.host, &Command::reads(["true"])).await),
        }
    }

    /// True when the change is made.
    async fn look(&self) -> Result<bool, HostError> {
        let state = self.host.read(&self.node.path("changed")).await?;
        assert!(state.is_none() || state.as_deref() == Some(b"after"), "neither before nor after: {state:?}");
        Ok(state.is_some())
    }

    async fn step(&self) -> Result<(), HostError> {
        if self.look().await? {
            return Ok(());
        }
        let (state, effects) = (self.node.path("changed"), self.node.path("effects"));
        let script = format!(
            "head -c 700 /dev/zero; head -c 300 /dev/zero >&2; read -r word; echo x >>{effects}; \
             printf %s \"$word\" >{state}.new; mv {state}.new {state}"
        );
        let mut input = b"after\n".to_vec();
        input.resize(2000, b'x');
        let change =
            Command::mutates(sh(&script)).stdin(Secret::new(input)).deadline(Duration::from_secs(20));
        let output = self.host.run(&change).await?;
        assert_eq!(output.status, 0, "{}", output.stderr.escaped());
        assert_eq!((output.stdout.bytes().len(), output.stderr.bytes().len()), (700, 300));
        assert!(self.look().await?, "it said that it made the change");
        Ok(())
    }

    /// Where the frames of an undisturbed step end.
    async fn frames(&mut self, start: Start) -> Vec<(Way, u64)> {
        self.reset(start).await;
        self.chaos.count();
        self.step().await.expect("nothing is broken");
        self.chaos.pieces()
    }

    async fn cut(&mut self, cut: Cut) {
        self.reset(cut.start).await;
        let line = match cut.start {
            Start::Warm => Line::Newest,
            Start::Cold => Line::Next,
        };
        self.chaos.arm(line, Fault::Cut { way: cut.way, after: cut.after, how: cut.how });
        let effects = self.node.path("effects");
        let mut errors = 0;
        while let Err(error) = self.step().await {
            errors += 1;
            assert!(errors == 1, "{cut:?}: a second error on a good line: {error}");
            self.host.settle(Duration::from_secs(20)).await.expect("nothing is left");
            match error {
                HostError::NotReached { .. } => {
                    assert_eq!(times(&effects), 0, "{cut:?}: something was started: {error}");
                    self.totals.not_reached += 1;
                }
                HostError::Unknown { .. } => self.totals.unknown += 1,
                error @ (HostError::Identity { .. }
                | HostError::Auth { .. }
                | HostError::Deadline { .. }
                | HostError::Busy { .. }
                | HostError::Owned { .. }
                | HostError::Refused { .. }) => panic!("{cut:?} is told as {error:?}"),
            }
            let made = self.look().await.expect("a good line");
            assert_eq!(usize::from(made), times(&effects), "{cut:?}: the state after settle");
        }
        assert_eq!(times(&effects), 1, "{cut:?}: made once");
        assert!(std::fs::read(self.node.path("changed")).expect("there") == b"after");
        if !self.chaos.fired() {
            self.totals.missed += 1;
        } else if errors == 0 {
            self.totals.unnoticed += 1;
        }
        self.totals.cuts += 1;
    }
}

/// One cut at the end of each frame, and one at its first byte is that at the end of the one before.
fn at_frames(start: Start, frames: &[(Way, u64)]) -> Vec<Cut> {
    let mut ends: Vec<(Way, u64)> = frames.to_vec();
    ends.extend([(Way::Up, 0), (Way::Down, 0)]);
    ends.sort_unstable();
    ends.dedup();
    let how = |n: usize| if n.is_multiple_of(2) { End::Fin } else { End::Rst };
    ends.into_iter().enumerate().map(|(n, (way, after))| Cut { start, way, after, how: how(n) }).collect()
}

fn at_random(random: &mut Random, start: Start, frames: &[(Way, u64)]) -> Cut {
    let way = if random.percent(50) { Way::Up } else { Way::Down };
    let length = frames.iter().filter(|(of, _)| *of == way).map(|(_, end)| *end).max().expect("some bytes");
    let how = if random.percent(50) { End::Fin } else { End::Rst };
    Cut { start, way, after: random.below(length), how }
}

/// Makes cuts in all lanes, and says what they came to.
async fn campaign(
    what: &str,
    more: impl Fn(&mut Random, &[(Way, u64)], &[(Way, u64)]) -> Vec<Cut>,
) -> Totals {
    let seed = std::env::var("CERTWRIGHT_SEED").map_or(2026, |seed| seed.parse().expect("a number"));
    println!("{what}: CERTWRIGHT_SEED={seed}");
    let mut first = Lane::start().await;
    let (warm, cold) = (first.frames(Start::Warm).await, first.frames(Start::Cold).await);
    let cuts = more(&mut Random(seed), &warm, &cold);
    assert!(!cuts.is_empty());
    let mut queue = cuts.into_iter();
    let mut lanes = vec![first];
    while lanes.len() < LANES {
        lanes.push(Lane::start().await);
    }
    let queue = std::cell::RefCell::new(&mut queue);
    let worked = lanes.iter_mut().map(async |lane| {
        loop {
            let next = queue.borrow_mut().next();
            let Some(cut) = next else { return };
            lane.cut(cut).await;
        }
    });
    futures_util::future::join_all(worked).await;
    let mut totals = Totals::default();
    for lane in lanes {
        totals.cuts += lane.totals.cuts;
        totals.not_reached += lane.totals.not_reached;
        totals.unknown += lane.totals.unknown;
        totals.unnoticed += lane.totals.unnoticed;
        totals.missed += lane.totals.missed;
    }
    println!("{totals:?}");
    ran(totals.cuts, what);
    totals
}

#[tokio::test]
async fn a_line_cut_at_any_frame_leaves_the_state_before_or_after_and_the_step_converges() {
    let mut row = Row::of("line cut at each frame of a step");
    let totals = campaign("cuts at frames", |_, warm, cold| {
        [at_frames(Start::Warm, warm), at_frames(Start::Cold, cold)].concat()
    })
    .await;
    // How many frames arrive as pieces of their own is the kernel's: 48 to 60 were seen.
    assert!(totals.cuts >= 30 && totals.missed * 10 < totals.cuts, "{totals:?}");
    row.fired(totals.not_reached > 0 && totals.unknown > 0);
}

#[tokio::test]
async fn a_line_cut_at_random_bytes_leaves_the_state_before_or_after_and_the_step_converges() {
    let mut row = Row::of("line cut at random bytes of a step");
    let totals = campaign("cuts at random bytes", |random, warm, _| {
        (0..CUTS).map(|_| at_random(random, Start::Warm, warm)).collect()
    })
    .await;
    assert!(totals.cuts == CUTS && totals.missed * 10 < totals.cuts, "{totals:?}");
    row.fired(totals.unknown > 0);
}

/// The long one: its command is in docs/design/ssh-failures.md.
#[tokio::test]
#[ignore = "takes most of an hour"]
async fn campaign_of_cuts() {
    let cuts = std::env::var("CERTWRIGHT_CUTS").map_or(CAMPAIGN, |cuts| cuts.parse().expect("a number"));
    let totals = campaign("cuts of the campaign", |random, warm, cold| {
        let cut = |n: usize, random: &mut Random| match n % 2 {
            0 => at_random(random, Start::Warm, warm),
            _ => at_random(random, Start::Cold, cold),
        };
        (0..cuts).map(|n| cut(n, random)).collect()
    })
    .await;
    assert!(totals.cuts == cuts && totals.missed * 10 < totals.cuts, "{totals:?}");
}
