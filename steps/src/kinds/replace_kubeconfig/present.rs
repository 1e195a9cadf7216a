//! The kubeconfig that is there now, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use certwright_engine::host::{Command, StatKind};
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::{Context, StepError, refused};
use certwright_engine::text::{Secret, line};

use crate::kinds::facts::CertificateFacts;
use crate::kinds::silence::{ask, patience};
use crate::kubeconfigs::{Held, Unfit, normal_server};
use crate::pki::kubeconfig::{Authorities, SpliceError, splice};
use crate::pki::{Certificate, Digest, Kubeconfig, KubeconfigError};
use crate::tools::kubectl::{self, Failure, Kubectl};

/// The kubeconfig on the workstation.
pub(super) struct Present {
    /// Where it is, symlinks resolved.
    pub(super) path: String,
    /// Its bytes; None when there is none.
    pub(super) bytes: Option<Vec<u8>>,
    /// Permission bits; 0600 when there is none.
    pub(super) mode: u32,
    /// Owner and group; None when there is none.
    pub(super) owner: Option<(u32, u32)>,
    /// Where kubectl is sent to: files that it names are beside this path.
    named: String,
    state: State,
}

/// What is there, and with that what is replaced.
enum State {
    /// Nothing: a whole file is made.
    Missing,
    /// Nothing that kubectl could read or that is worth keeping: it is replaced as a whole.
    Useless(Unfit),
    /// An entry with a certificate: its credentials are replaced, and nothing else.
    Entry(Box<Entry>),
    /// What is not replaced: it logs in otherwise, or it is not known which entry is meant.
    Foreign(Unfit),
}

/// The entry of current-context.
struct Entry {
    /// Its user, escaped.
    user: String,
    /// How many other users the file has.
    others: usize,
    /// Its server, in one spelling.
    server: String,
    /// The CAs that it trusts; None where they cannot be read.
    authorities: Option<Vec<Certificate>>,
    /// What it holds, or what is wrong with it.
    held: Result<Held, Unfit>,
}

impl Present {
    /// Reads the file that the inventory names, and the files that this one names.
    pub(super) async fn read(cx: &Context) -> Result<Self, StepError> {
        let named = cx.cluster.kubeconfig.clone();
        let mut path = named.clone();
        let mut stat = cx.host.stat(&path).await?;
        if stat.as_ref().is_some_and(|stat| stat.kind == StatKind::Symlink) {
            path = resolve(cx, &path).await?;
            stat = cx.host.stat(&path).await?;
        }
        let bytes = cx.host.read(&path).await?;
        let state = match &bytes {
            None => State::Missing,
            Some(bytes) => state(cx, &named, bytes).await?,
        };
        Ok(Self {
            mode: stat.as_ref().map_or(0o600, |stat| stat.mode),
            owner: stat.map(|stat| (stat.uid, stat.gid)),
            path,
            bytes,
            named,
            state,
        })
    }

    fn entry(&self) -> Option<&Entry> {
        match &self.state {
            State::Entry(entry) => Some(entry),
            State::Missing | State::Useless(_) | State::Foreign(_) => None,
        }
    }

    /// What its entry holds, where that can be read.
    pub(super) fn held(&self) -> Option<&Held> {
        self.entry()?.held.as_ref().ok()
    }

    /// Where its entry leads, in one spelling, and the CAs that it trusts, as far as they are known.
    pub(super) fn leads(&self) -> (Option<String>, Option<BTreeSet<Digest>>) {
        let trusts = |all: &Vec<Certificate>| all.iter().map(|ca| ca.public_key).collect();
        match self.entry() {
            Some(entry) => (Some(entry.server.clone()), entry.authorities.as_ref().map(trusts)),
            None => (None, None),
        }
    }

    /// What is wrong with it without asking anyone; an error where it is nothing that is replaced.
    pub(super) fn trouble(&self, cx: &Context, now: i64) -> Result<Option<String>, StepError> {
        match &self.state {
            State::Missing => Ok(Some("is missing".to_owned())),
            State::Useless(unfit) => Ok(Some(unfit.to_string())),
            State::Entry(entry) => {
                let unfit = entry
                    .held
                    .as_ref()
                    .map_or_else(|unfit| Some(unfit.clone()), |held| held.valid(now).err());
                Ok(unfit.map(|unfit| unfit.to_string()))
            }
            State::Foreign(unfit) => {
                let message = format!(
                    "{}: {} {unfit}: only an entry that logs in by a certificate is replaced",
                    cx.host.name(),
                    self.path
                );
                Err(StepError::new(ErrorClass::Invalid, message).remedy(
                    "name the kubeconfig that was made with the cluster as `kubeconfig` in the inventory, or choose its \
                     context with `kubectl config use-context`",
                ))
            }
        }
    }

    /// What stays as it is, for people; nothing where the file holds nothing else.
    pub(super) fn kept(&self) -> String {
        match self.entry() {
            Some(Entry { user, others: others @ 1.., .. }) => {
                let users = others + 1;
                format!("; of its {users} users only `{user}` gets another certificate")
            }
            Some(_) | None => String::new(),
        }
    }

    /// The file with the certificate of `new` in the place of its own, all other bytes as they are.
    pub(super) fn with(&self, new: &Kubeconfig) -> Result<Secret, SpliceError> {
        let (Some(entry), Some(bytes)) = (self.entry(), &self.bytes) else {
            return Ok(new.only_current()?.render());
        };
        let prints =
            |all: &[Certificate]| -> BTreeSet<Digest> { all.iter().map(|ca| ca.fingerprint).collect() };
        let own = entry.authorities.as_deref().map(prints);
        let same = own == new.certificate_authorities().ok().as_deref().map(prints);
        splice(bytes, new, if same { Authorities::Same } else { Authorities::Replaced })
    }

    /// What the API server says to it; None when it works.
    ///
    /// That no server answers is not the file's fault, and no other file would mend it: an error.
    pub(super) async fn try_out(&self, cx: &Context) -> Result<Option<String>, StepError> {
        let kubectl = Kubectl::new(&self.named);
        let object = format!("{}: {}", cx.host.name(), self.path);
        let patience = patience(cx, cx.host.as_ref(), &kubectl).await?;
        let patience = patience.map_err(|silence| silence.error(&object))?;
        let command = kubectl.nodes_text().deadline(patience);
        let output = ask(cx.host.as_ref(), &command, &object).await?;
        let Some(failure) = kubectl::classify(&output) else {
            return Ok(None);
        };
        match failure {
            Failure::ConnectionRefused | Failure::Closed | Failure::TimedOut => {
                Err(kubectl::step_error(&object, &command, &output))
            }
            Failure::Expired
            | Failure::NotYetValid
            | Failure::UnknownAuthority
            | Failure::NameMismatch
            | Failure::Unauthorized
            | Failure::Forbidden
            | Failure::NotFound
            | Failure::Invalid
            | Failure::Kubeconfig
            | Failure::Other => Ok(Some(format!("does not work: {}", failure.in_words(&output)))),
        }
    }

    /// What is journaled of its certificate.
    pub(super) fn certificates(&self) -> Vec<CertificateFacts> {
        let facts = |held: &Held| CertificateFacts::new("kubeconfig", &self.path, &held.certificate);
        self.held().map(facts).into_iter().collect()
    }

    /// Its digest.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.bytes.as_deref().map(Digest::of)
    }
}

async fn state(cx: &Context, named: &str, bytes: &[u8]) -> Result<State, StepError> {
    let file = match Kubeconfig::parse_in_place(bytes) {
        Ok(file) => file,
        // kubectl reads it all the same, and nobody has looked at what it holds.
        Err(error @ KubeconfigError::TooLarge) => return Ok(State::Foreign(error.into())),
        Err(error) => return Ok(State::Useless(error.into())),
    };
    // Nothing that anybody could miss.
    let is_alone = file.users.len().max(file.clusters.len()).max(file.contexts.len()) <= 1;
    let current = match file.only_current() {
        Ok(current) => current,
        Err(error @ KubeconfigError::Forbidden { .. }) => return Ok(State::Foreign(error.into())),
        Err(error) if is_alone => return Ok(State::Useless(error.into())),
        Err(error) => return Ok(State::Foreign(error.into())),
    };
    let user = &current.users[0].entry;
    let lacks = match (&user.client_certificate, &user.client_key) {
        (None, _) => Some("client certificate"),
        (Some(_), None) => Some("client key"),
        (Some(_), Some(_)) => None,
    };
    if let Some(what) = lacks {
        let unfit = Unfit::Kubeconfig(KubeconfigError::Absent(what));
        let useless = is_alone && user.token.is_none();
        return Ok(if useless { State::Useless(unfit) } else { State::Foreign(unfit) });
    }
    let mut files = BTreeMap::new();
    let mut missing = Vec::new();
    for path in current.files(named) {
        match cx.host.read(&path).await.map_err(StepError::from) {
            Ok(Some(content)) => drop(files.insert(path, content)),
            Ok(None) => missing.push(format!("names `{}`, which is missing", line(&path))),
            Err(error) if error.class == ErrorClass::Refused => {
                missing.push(format!("names `{}`, which cannot be read", line(&path)));
            }
            Err(error) => return Err(error),
        }
    }
    let current = current.with_files(named, &files);
    let held = match missing.into_iter().next() {
        Some(why) => Err(Unfit::Unreadable(why)),
        None => Held::of(&current),
    };
    Ok(State::Entry(Box::new(Entry {
        user: line(&current.users[0].name),
        others: file.users.len() - 1,
        server: normal_server(&line(&current.clusters[0].entry.server)),
        authorities: current.certificate_authorities().ok(),
        held,
    })))
}

async fn resolve(cx: &Context, path: &str) -> Result<String, StepError> {
    let command = Command::reads(["readlink", "-f", "--", path]);
    let output = cx.run(&command).await?;
    let target = String::from_utf8(output.stdout.bytes().to_vec()).ok();
    match target.as_deref().and_then(|text| text.strip_suffix('\n')) {
        Some(target) if output.success() && target.starts_with('/') => Ok(target.to_owned()),
        Some(_) | None => {
            let message = format!("{}: {path} is a symlink that leads nowhere", cx.host.name());
            Err(refused(ErrorClass::Invalid, message, &command, &output)
                .remedy("name the file itself as `kubeconfig` in the inventory"))
        }
    }
}
