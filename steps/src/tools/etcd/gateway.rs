//! etcd's own API on a node, asked by curl through its JSON gateway: who leads, who are the members, leadership moved.
//!
//! Facts (etcd 3.4 and 3.6): a POST each, 64-bit ids as decimal strings; `transfer-leadership` returns once the other
//! member leads. The client certificate is the API server's, whose key never leaves the node. Before 3.4 the paths
//! have another name: a 404. Deliberately absent: etcdctl, which often exists in the container only.

use std::time::Duration;

use certwright_engine::host::dial::Endpoint;
use certwright_engine::host::{Command, Output};
use serde::Deserialize;

use crate::tools::OutputError;
use crate::tools::manifest::StaticPod;

/// How to speak to the etcd of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etcd {
    at: Endpoint,
    authority: String,
    certificate: String,
    key: String,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its own id.
    pub member: MemberId,
    /// The leader's id; None while there is none.
    pub leader: Option<MemberId>,
}

/// The id of a member: 64 bits, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId(u64);

/// One member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// `--name`; empty before it was started for the first time.
    pub name: String,
    /// False for a learner, which cannot lead.
    pub votes: bool,
}

impl Etcd {
    /// As the API server of the same node speaks to it; None where its manifest does not say how.
    pub fn of(api_server: &StaticPod, at: Endpoint) -> Option<Self> {
        let file = |flag: &str| api_server.flag(flag).filter(|path| path.starts_with('/')).map(str::to_owned);
        Some(Self {
            at,
            authority: file("etcd-cafile")?,
            certificate: file("etcd-certfile")?,
            key: file("etcd-keyfile")?,
        })
    }

    fn argv(&self, path: &str, body: &str) -> Vec<String> {
        let url = format!("https://{}/v3/{path}", self.at);
        let words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "10", "--noproxy", "*"];
        let tls = ["--cacert", &self.authority, "--cert", &self.certificate, "--key", &self.key];
        words.into_iter().chain(tls).chain(["--data", body, &url]).map(str::to_owned).collect()
    }

    /// Asks a member for itself and its leader.
    pub fn status(&self) -> Command {
        Command::reads(self.argv("maintenance/status", "{}")).deadline(Duration::from_secs(15))
    }

    /// Asks for all members.
    pub fn members(&self) -> Command {
        Command::reads(self.argv("cluster/member/list", "{}")).deadline(Duration::from_secs(15))
    }

    /// Lets another member lead; only the leader can be asked.
    pub fn transfer_leadership(&self, to: MemberId) -> Command {
        let body = format!("{{\"targetID\":\"{}\"}}", to.0);
        Command::mutates(self.argv("maintenance/transfer-leadership", &body))
            .deadline(Duration::from_secs(15))
    }
}

#[derive(Deserialize)]
struct StatusWire {
    header: HeaderWire,
    #[serde(default)]
    leader: Option<String>,
}

#[derive(Deserialize)]
struct HeaderWire {
    member_id: String,
}

#[derive(Deserialize)]
struct MembersWire {
    members: Vec<MemberWire>,
}

#[derive(Deserialize)]
struct MemberWire {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "isLearner")]
    is_learner: bool,
}

fn id(text: &str) -> Option<MemberId> {
    text.parse().ok().filter(|id| *id != 0).map(MemberId)
}

/// Parses the answer to [`Etcd::status`].
pub fn parse_status(output: &Output) -> Result<Status, OutputError> {
    let what = "etcd's status";
    let wire: StatusWire =
        serde_json::from_slice(output.stdout.bytes()).map_err(|error| OutputError::shape(what, error))?;
    let member = id(&wire.header.member_id).ok_or_else(|| OutputError::shape(what, "no member_id"))?;
    Ok(Status { member, leader: wire.leader.as_deref().and_then(id) })
}

/// Parses the answer to [`Etcd::members`].
pub fn parse_members(output: &Output) -> Result<Vec<Member>, OutputError> {
    let what = "etcd's members";
    let wire: MembersWire =
        serde_json::from_slice(output.stdout.bytes()).map_err(|error| OutputError::shape(what, error))?;
    let one = |wire: MemberWire| {
        let id = id(&wire.id).ok_or_else(|| OutputError::shape(what, "a member without id"))?;
        Ok(Member { id, name: wire.name, votes: !wire.is_learner })
    };
    wire.members.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::printed;

    // As etcd 3.4.23 answers; 3.6 has more fields in `status`.
    const STATUS: &str = r#"{"header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952","revision":"1","raft_term":"2"},"version":"3.4.23","dbSize":"20480","leader":"3319814642761637952","raftIndex":"4","raftTerm":"2","raftAppliedIndex":"4","dbSizeInUse":"16384"}"#;
    const MEMBERS: &str = r#"{"header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952","raft_term":"2"},"members":[{"ID":"3319814642761637952","name":"cp-1","peerURLs":["http://127.0.0.1:23800"],"clientURLs":["http://127.0.0.1:23790"]},{"ID":"17821780836189257380","peerURLs":["http://127.0.0.1:23801"],"isLearner":true}]}"#;

    #[test]
    fn what_etcd_answers_is_read() {
        let own = MemberId(3_319_814_642_761_637_952);
        assert_eq!(parse_status(&printed(STATUS)), Ok(Status { member: own, leader: Some(own) }));
        let none = STATUS.replace(r#""leader":"3319814642761637952","#, "");
        assert_eq!(parse_status(&printed(none)), Ok(Status { member: own, leader: None }));
        assert_eq!(
            parse_members(&printed(MEMBERS)),
            Ok(vec![
                Member { id: own, name: "cp-1".into(), votes: true },
                Member { id: MemberId(17_821_780_836_189_257_380), name: String::new(), votes: false },
            ])
        );
    }

    #[test]
    fn what_etcd_does_not_answer_is_no_member() {
        for text in [
            "",
            "{}",
            "[]",
            "404 page not found",
            r#"{"header":{"member_id":"0"}}"#,
            r#"{"header":{"member_id":"-1"}}"#,
        ] {
            assert!(parse_status(&printed(text)).is_err(), "{text}");
            assert!(parse_members(&printed(text)).is_err(), "{text}");
        }
        assert!(parse_members(&printed(r#"{"members":[{"ID":"x"}]}"#)).is_err());
    }

    #[test]
    fn the_key_is_named_by_its_path_and_the_id_stands_in_the_body_alone() {
        let flags = [("etcd-cafile", "/ca"), ("etcd-certfile", "/c"), ("etcd-keyfile", "/k")];
        let flags = flags.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
        let pod = StaticPod { flags, ..StaticPod::default() };
        let etcd = Etcd::of(&pod, Endpoint::new("127.0.0.1", 2379)).expect("all three");
        assert_eq!(
            etcd.transfer_leadership(MemberId(7)).argv.join(" "),
            "curl --silent --show-error --fail --max-time 10 --noproxy * --cacert /ca --cert /c --key /k --data \
             {\"targetID\":\"7\"} https://127.0.0.1:2379/v3/maintenance/transfer-leadership"
        );
        assert_eq!(Etcd::of(&StaticPod::default(), Endpoint::new("127.0.0.1", 2379)), None);
    }
}
