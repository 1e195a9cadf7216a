//! Requests of kubelets for the certificates that they serve with: made by themselves, approved by nobody but an operator.
//!
//! A kubelet with `serverTLSBootstrap` asks whenever it has no valid certificate and the API hears it. The file is not
//! the link that a real kubelet makes: nothing looks at that.

use serde::{Deserialize, Serialize};

use super::World;
use super::cluster::Quorum;
use crate::lab::build::{EARLY, YEAR};
use crate::lab::mint::{self, Dates, Minted, Seen, Subject};
use crate::lab::state::Request;
use crate::lab::{Lab, LabError, subjects};
use crate::pki::layout::{Authority, CERT_DIR};
use crate::tools::kubelet::{CONFIG, KubeletConfig};

/// Where a kubelet keeps what it serves with.
const SERVER: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// How long the signing of an approved request takes, ms.
const SIGNING: u64 = 1_000;

/// What a request asks for, and who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningAsk {
    /// Who asks, as the API server found it.
    pub username: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// Who is to sign.
    pub signer: String,
    /// What for.
    pub usages: Vec<String>,
    /// The common name.
    pub common_name: String,
    /// The organizations.
    pub organizations: Vec<String>,
    /// DNS names and IP addresses.
    pub sans: Vec<String>,
}

impl SigningAsk {
    /// What the kubelet of a node asks for.
    pub fn of_kubelet(node: &str, address: &str) -> Self {
        let Subject { common_name, organizations, sans, .. } = subjects::of_kubelet_server(node, address);
        Self {
            username: common_name.clone(),
            groups: vec!["system:nodes".to_owned(), "system:authenticated".to_owned()],
            signer: "kubernetes.io/kubelet-serving".to_owned(),
            usages: vec!["digital signature".to_owned(), "server auth".to_owned()],
            common_name,
            organizations,
            sans,
        }
    }

    fn subject(&self) -> Subject {
        Subject {
            common_name: self.common_name.clone(),
            organizations: self.organizations.clone(),
            sans: self.sans.clone(),
            server: true,
            client: false,
        }
    }
}

impl Lab {
    /// Somebody asks for a certificate; the name of the request.
    pub fn ask(&self, asked: SigningAsk) -> Result<String, LabError> {
        let mut locked = self.locked()?;
        let at = locked.state.now;
        let name = World { state: &mut locked.state, files: &self.files }.ask(asked, at)?;
        locked.save()?;
        Ok(name)
    }

    /// The names of the requests that somebody approved, in their order.
    pub fn approved(&self) -> Result<Vec<String>, LabError> {
        let requests = &self.locked()?.state.objects.requests;
        Ok(requests.iter().filter(|request| request.approved.is_some()).map(|r| r.name.clone()).collect())
    }
}

impl World<'_> {
    fn ask(&mut self, asked: SigningAsk, at: u64) -> Result<String, LabError> {
        let (pem, key) = mint::request(&asked.subject()).map_err(LabError::mint)?;
        let name = format!("csr-{}", &self.state.id()[..5]);
        let request =
            Request { name: name.clone(), asked, pem, key, created: at, approved: None, signed: false };
        self.state.objects.requests.push(request);
        Ok(name)
    }

    /// Kubelets ask, and the controller-manager signs what was approved.
    pub(super) fn serve_kubelets(&mut self, at: u64, quorum: &Quorum) -> Result<(), LabError> {
        if self.state.controllers_work(at, quorum) {
            self.sign_approved(at)?;
        }
        if !self.state.spec.server_tls_bootstrap {
            return Ok(());
        }
        for node in self.state.names() {
            if self.state.kubelet_is_heard(&node, at, quorum) && self.wants_to_serve(&node, at) {
                let address = self.state.node(&node).address.clone();
                drop(self.ask(SigningAsk::of_kubelet(&node, &address), at)?);
            }
        }
        Ok(())
    }

    fn wants_to_serve(&self, node: &str, at: u64) -> bool {
        let config = self.files.text(node, CONFIG).unwrap_or_default();
        if !KubeletConfig::parse(config.as_bytes()).is_ok_and(|config| config.asks_for_serving) {
            return false;
        }
        let seconds = (at / 1000).cast_signed();
        let served = self.files.text(node, SERVER).and_then(|pem| Seen::read(&pem));
        let valid = served.is_some_and(|seen| seen.dates.from <= seconds && seconds <= seen.dates.to);
        let user = format!("system:node:{node}");
        let own = |request: &Request| {
            !request.signed && request.asked.username == user && request.asked.sans.contains(&node.to_owned())
        };
        !valid && !self.state.objects.requests.iter().any(own)
    }

    /// When the next approved request is signed.
    pub(super) fn signs_at(&self) -> Option<u64> {
        let approved = self.state.objects.requests.iter().filter(|request| !request.signed);
        approved.filter_map(|request| request.approved).min().map(|at| at + self.state.delay(SIGNING))
    }

    fn sign_approved(&mut self, at: u64) -> Result<(), LabError> {
        let Some(first) = self.state.spec.nodes.first().map(|node| node.name.clone()) else { return Ok(()) };
        let delay = self.state.delay(SIGNING);
        for n in 0..self.state.objects.requests.len() {
            let request = self.state.objects.requests[n].clone();
            if request.signed || request.approved.is_none_or(|approved| approved + delay > at) {
                continue;
            }
            let read = |path: String| self.files.text(&first, &path);
            let (Some(certificate), Some(key)) =
                (read(Authority::Ca.certificate(CERT_DIR)), read(Authority::Ca.key(CERT_DIR)))
            else {
                return Ok(());
            };
            self.state.objects.requests[n].signed = true;
            let now = (at / 1000).cast_signed();
            let dates = Dates { from: now - EARLY, to: now + YEAR };
            let (ca, serial) = (Minted { certificate, key }, self.state.serial());
            let pair = mint::granted(&ca, &request.key, &request.asked.subject(), dates, serial)
                .map_err(LabError::mint)?;
            let node = request.asked.username.strip_prefix("system:node:").unwrap_or_default();
            if self.state.nodes.contains_key(node) {
                let pem = format!("{}{}", pair.certificate, pair.key);
                self.files.write(node, SERVER, pem.as_bytes(), 0o600, at).map_err(|error| {
                    LabError::io("write", &self.files.root(node).join(&SERVER[1..]), error)
                })?;
            }
        }
        Ok(())
    }
}
