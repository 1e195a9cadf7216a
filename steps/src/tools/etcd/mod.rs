//! etcd: its own API, asked by curl on the node, and what it tells of itself on its metrics port.

mod gateway;

mod metrics;

pub use gateway::{Etcd, Member, MemberId, Status, parse_members, parse_status};
pub use metrics::{Told, parse_metrics};
