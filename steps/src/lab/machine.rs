//! The third door: the lab's kubeadm and crictl on a machine where everything else is real.
//!
//! Files are the machine's own, containers are those that a runtime lists, and whether the API answers was found by the
//! caller. Formats, statuses and traps stay those of the one implementation. Deliberately absent: doing anything to a
//! container (the runtime's matter), the lab's memory, faults, and time (the caller's clock says when).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exec::{Answer, Call, Place, Reach, exec};
use super::files::Files;
use super::spec::LabSpec;
use super::state::{Container, Kubelet, Node, Pod};
use super::{LabError, Played, create, programs};

/// A machine and what its runtime lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The node's name.
    pub host: String,
    /// Its address.
    pub address: String,
    /// Its pods by the name of their container.
    pub pods: BTreeMap<String, MachinePod>,
}

/// A pod sandbox with one container, as a runtime has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePod {
    /// Pod name (`etcd-cp-1`).
    pub name: String,
    /// Pod uid.
    pub uid: String,
    /// Id of the sandbox.
    pub sandbox: String,
    /// When the sandbox was made, ms since 1970.
    pub created: u64,
    /// Its containers, oldest first.
    pub containers: Vec<MachineContainer>,
}

/// A container, as a runtime has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineContainer {
    /// Full id, 64 hex digits.
    pub id: String,
    /// Which start of the pod's container it is, from 0.
    pub attempt: u32,
    /// When it was started, ms since 1970.
    pub started: u64,
    /// When it ended, and its status.
    pub ended: Option<(u64, i32)>,
}

/// Why a runtime did not stop a container in time, for crictl's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopFailed {
    /// crictl's own deadline has passed.
    Deadline,
    /// The runtime gave up.
    Unknown,
}

impl Machine {
    /// Plays `crictl ARGS` for the commands that only look: `ps`, `pods`, `inspect`, `version`.
    pub fn crictl(&self, args: &[String], now_ms: u64) -> Result<Played, LabError> {
        self.play("crictl", args, Place::Real(Reach::Silent), now_ms)
    }

    /// Plays `kubeadm ARGS` on the machine's files.
    pub fn kubeadm(&self, args: &[String], reach: Reach, now_ms: u64) -> Result<Played, LabError> {
        self.play("kubeadm", args, Place::Real(reach), now_ms)
    }

    fn play(&self, name: &str, args: &[String], place: Place, now: u64) -> Result<Played, LabError> {
        // Serial numbers follow from it: never the same twice on this machine, nor on two of them.
        let mut seed = [0; 8];
        getrandom(&mut seed)?;
        let spec = LabSpec { nodes: Vec::new(), seed: u64::from_le_bytes(seed), ..LabSpec::default() };
        let mut state = create::empty(&spec, now);
        state.nodes.insert(self.host.clone(), Arc::new(self.node(now)));
        let words: Vec<String> = std::iter::once(name.to_owned()).chain(args.iter().cloned()).collect();
        let call = Call { host: &self.host, argv: &words, stdin: &[], place, lock: None };
        let (answer, _) = exec(&mut state, &Files::of_machine(), call)?;
        Ok(ended(answer))
    }

    fn node(&self, now: u64) -> Node {
        let pods = self.pods.iter().map(|(name, pod)| (name.clone(), pod.of_lab())).collect();
        let kubelet = Kubelet { active: true, since: now, client: None, rotates_at: None };
        Node { address: self.address.clone(), pods, kubelet, posted: BTreeMap::new(), heartbeat: now }
    }
}

impl MachinePod {
    fn of_lab(&self) -> Pod {
        let container = |c: &MachineContainer| Container {
            id: c.id.clone(),
            attempt: c.attempt,
            started: c.started,
            ready_at: c.started,
            ends: None,
            ended: c.ended,
            loaded: BTreeMap::new(),
            connected: false,
            came_up: true,
            own: String::new(),
            log: Vec::new(),
        };
        Pod {
            name: self.name.clone(),
            uid: self.uid.clone(),
            sandbox: self.sandbox.clone(),
            sandbox_created: self.created,
            created: self.created,
            generation: 1,
            containers: self.containers.iter().map(container).collect(),
            restart_at: None,
            restarts_in_row: 0,
            last_end: 0,
            stuck: false,
        }
    }
}

impl StopFailed {
    /// What crictl prints on stderr.
    pub fn words(self, id: &str, now_ms: u64) -> String {
        programs::stop_failed(self, id, now_ms)
    }
}

/// What crictl prints on stderr of a container that the runtime does not know.
pub fn no_container(id: &str, now_ms: u64) -> String {
    String::from_utf8(programs::not_found(now_ms, id).stderr).expect("the lab prints UTF-8")
}

fn getrandom(bytes: &mut [u8]) -> Result<(), LabError> {
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), bytes)
        .map_err(|_| LabError::Certificate { why: "the machine has no random numbers".into() })
}

fn ended(answer: Answer) -> Played {
    let Answer { status, stdout, stderr, takes } = answer;
    Played::Ended { status, stdout, stderr, takes_ms: takes }
}
