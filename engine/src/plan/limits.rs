//! A limit on everything: beyond them is a diagnostic, never a panic and never a machine out of memory.

/// Bytes of a plan or an inventory.
pub const FILE_BYTES: usize = 1 << 20;
/// Hosts of an inventory.
pub const HOSTS: usize = 1_000;
/// Params of a plan.
pub const PARAMS: usize = 200;
/// Stages of a plan.
pub const STAGES: usize = 1_000;
/// Steps of a plan, over all stages.
pub const STEPS: usize = 1_000;
/// Tasks (step x host) of a resolved plan.
pub const TASKS: usize = 200_000;
/// Edges between the tasks of a resolved plan.
pub const EDGES: usize = 2_000_000;
/// Mistakes that are shown; the others are counted.
pub const MISTAKES: usize = 200;
/// Characters of an id, a group or a user.
pub const ID_CHARS: usize = 63;
/// Characters of a host name, an address or a cluster name.
pub const HOST_CHARS: usize = 253;
/// Characters of a `doc`.
pub const DOC_CHARS: usize = 2_000;
/// Attempts of a step.
pub const ATTEMPTS: u64 = 1_000;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Longest duration as a param or in `with`, ms: a hundred years.
pub const DURATION_MS: u64 = 36_525 * DAY;
/// Shortest timeout of an attempt, ms.
pub const TIMEOUT_MIN_MS: u64 = 100;
/// Longest timeout of an attempt, ms.
pub const TIMEOUT_MAX_MS: u64 = DAY;
/// Longest delay between attempts, ms.
pub const DELAY_MS: u64 = DAY;
/// Shortest `within` of a retry, ms.
pub const WITHIN_MIN_MS: u64 = SECOND;
/// Longest `within` of a retry, ms.
pub const WITHIN_MAX_MS: u64 = 7 * DAY;
