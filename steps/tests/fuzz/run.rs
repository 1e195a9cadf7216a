//! The runner: it makes inputs out of a corpus for a time, and holds each reading to what was promised.
//!
//! Invariants: a seed gives the same inputs in the same order on every machine, only how many of them depends on its speed
//! (so that what guides the search are answers and memory, never time); an input that breaks a promise, or the process, is
//! left in a file. Time is the thread's own on a processor: a machine that is busy is no failure.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use crate::numbers::Numbers;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most that one reading may take of a processor.
const MOST_CPU: Duration = Duration::from_millis(100);
/// The most that one reading may hold beside its input, bytes.
const MOST_MEMORY: usize = 64 << 20;
/// No file that is read is larger, bytes; some readers have a smaller limit of their own.
const LARGEST: usize = 300 << 10;
/// Inputs that are kept for others to be made of, and the largest of them, bytes.
const KEPT: usize = 600;
const KEPT_SIZE: usize = 48 << 10;

/// Makes an input; the second one is another of the corpus.
pub(crate) type Change = fn(&[u8], &[u8], &mut Numbers) -> Vec<u8>;

/// Something that reads, and what it is given.
pub(crate) struct Target<'a> {
    pub(crate) name: &'static str,
    pub(crate) corpus: Vec<Vec<u8>>,
    pub(crate) change: Change,
    /// Reads, and says in words how that ended; it panics where a promise is broken. This is what is measured.
    pub(crate) read: &'a mut dyn FnMut(&[u8]) -> String,
    /// Reads in other ways, compares, and panics where they differ.
    pub(crate) check: &'a dyn Fn(&[u8]),
}

/// For how long, from which seed, or which one input.
pub(crate) struct Plan {
    time: Duration,
    seed: u64,
    /// So many inputs, however slow the machine is: what is asserted of their answers must not depend on it.
    least: u64,
    most: u64,
    input: Option<Vec<u8>>,
    /// Where inputs are left.
    folder: PathBuf,
}

impl Plan {
    /// What the environment says: `CERTWRIGHT_FUZZ_SECONDS` (2), `CERTWRIGHT_FUZZ_SEED` (any text), or
    /// `CERTWRIGHT_FUZZ_INPUT`, a file with one input.
    pub(crate) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let seconds =
            variable("CERTWRIGHT_FUZZ_SECONDS").map_or(2, |text| text.parse().expect("a number of seconds"));
        let seed = variable("CERTWRIGHT_FUZZ_SEED").unwrap_or_default();
        // FNV-1a: a date is a seed, too.
        let seed = seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let input = variable("CERTWRIGHT_FUZZ_INPUT").map(|file| fs::read(file).expect("an input"));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
        Self { time: Duration::from_secs(seconds), seed, least: 50, most: u64::MAX, input, folder }
    }

    /// So many inputs, however long that takes.
    pub(crate) fn of_cases(most: u64, folder: PathBuf) -> Self {
        Self { time: Duration::MAX, seed: 1, least: 0, most, input: None, folder }
    }
}

/// What one reading came to.
struct Reading {
    answer: Result<String, String>,
    cpu: Duration,
    memory: usize,
}

/// How many inputs were read, and in how many ways that ended.
pub(crate) struct Ran {
    pub(crate) cases: u64,
    pub(crate) answers: usize,
}

/// Runs a target; an input that breaks a promise panics with the file that it was left in.
pub(crate) fn run(plan: &Plan, mut target: Target<'_>) -> Ran {
    fs::create_dir_all(&plan.folder).expect("a folder for inputs");
    let under_way = plan.folder.join(format!("{}.under-way", target.name));
    if let Some(input) = &plan.input {
        judge(&mut target, input).unwrap_or_else(|broken| panic!("{}: {broken}", target.name));
        return Ran { cases: 1, answers: 1 };
    }
    let start = now();
    let (mut cases, mut longest, mut largest) = (0, Duration::ZERO, 0);
    let mut answers = BTreeSet::new();
    while cases < plan.most && (cases < plan.least || start.elapsed() < plan.time) {
        let input = make(&target, &mut Numbers::of(plan.seed, cases));
        // What overflows the stack ends the process: the file tells with what.
        fs::write(&under_way, &input).expect("a file for the input under way");
        let reading = judge(&mut target, &input).unwrap_or_else(|broken| {
            let file = plan.folder.join(format!("{}.{:016x}.{cases}", target.name, plan.seed));
            fs::rename(&under_way, &file).expect("the input is kept");
            panic!(
                "{}: case {cases} of seed {:016x}: {broken}\n  the input: {}",
                target.name,
                plan.seed,
                file.display()
            )
        });
        cases += 1;
        longest = longest.max(reading.cpu);
        let is_new = answers.insert(shape(reading.answer.as_deref().unwrap_or_default()));
        if (is_new || reading.memory > largest + largest / 4)
            && target.corpus.len() < KEPT
            && input.len() <= KEPT_SIZE
        {
            target.corpus.push(input);
        }
        largest = largest.max(reading.memory);
    }
    drop(fs::remove_file(&under_way));
    println!(
        "{}: {cases} inputs of seed {:016x} in {:.0?}, {} kinds of answers, {} inputs to make others of; a reading took at \
         most {longest:.1?} of a processor and {} KiB",
        target.name,
        plan.seed,
        start.elapsed(),
        answers.len(),
        target.corpus.len(),
        largest >> 10
    );
    Ran { cases, answers: answers.len() }
}

fn make(target: &Target<'_>, numbers: &mut Numbers) -> Vec<u8> {
    let (one, other) = (numbers.one(&target.corpus), numbers.one(&target.corpus));
    let mut input = (target.change)(one, other, numbers);
    input.truncate(LARGEST);
    input
}

/// Reads, and once more where it took long: the first time pays for pages and caches.
fn judge(target: &mut Target<'_>, input: &[u8]) -> Result<Reading, String> {
    let mut reading = read(target, input);
    for _ in 0..2 {
        if reading.cpu > MOST_CPU && reading.answer.is_ok() {
            let again = read(target, input);
            reading.cpu = reading.cpu.min(again.cpu);
        }
    }
    if let Err(panicked) = &reading.answer {
        return Err(format!("it panicked: {panicked}"));
    }
    if reading.cpu > MOST_CPU {
        return Err(format!("it took {:.0?} of a processor", reading.cpu));
    }
    if reading.memory > MOST_MEMORY {
        return Err(format!("it took {} KiB of memory", reading.memory >> 10));
    }
    Ok(reading)
}

fn read(target: &mut Target<'_>, input: &[u8]) -> Reading {
    MEMORY.reset_peak_usage();
    let (before, start) = (MEMORY.current_usage(), cpu());
    let answer = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let cpu = cpu().saturating_sub(start);
    let memory = MEMORY.peak_usage().saturating_sub(before);
    let checked =
        answer.and_then(|answer| catch_unwind(AssertUnwindSafe(|| (target.check)(input))).map(|()| answer));
    let answer = checked.map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panicked.downcast_ref::<&str>().copied());
        text.unwrap_or("no words").to_owned()
    });
    Reading { answer, cpu, memory }
}

/// An answer without what is particular about it: numbers, and what stands in quotes.
fn shape(answer: &str) -> String {
    let mut quoted = false;
    let mut shape = String::new();
    for c in answer.chars().take(400) {
        quoted ^= c == '`';
        if !quoted && !c.is_ascii_digit() && shape.len() < 120 {
            shape.push(c);
        }
    }
    shape
}

/// Time of this thread on a processor.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

#[expect(clippy::disallowed_methods, reason = "a run lasts for a time")]
fn now() -> Instant {
    Instant::now()
}
