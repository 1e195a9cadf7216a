//! The backup of a run on a node, which `backup` makes and `kubeadm-renew` relies on: `FOLDER/RUN.tar`.

use std::collections::BTreeMap;

use certwright_engine::host::Host;
use certwright_engine::plan::ErrorClass;
use certwright_engine::step::StepError;

use crate::pki::Digest;
use crate::tools::archive::{self, Archive, ArchiveError, ArchiveState};

/// Path of a run's backup.
pub(super) fn path(folder: &str, run: &str) -> String {
    format!("{}/{run}.tar", folder.trim_end_matches('/'))
}

/// The verified backup of a run; None when there is none that counts.
pub(super) async fn find(host: &dyn Host, folder: &str, run: &str) -> Result<Option<Archive>, StepError> {
    let wanted = path(folder, run);
    let found = archive::list(host, folder, &[]).await?.into_iter().find(|archive| archive.path == wanted);
    Ok(found.filter(|archive| match archive.state {
        ArchiveState::Current | ArchiveState::Older => true,
        ArchiveState::Damaged => false,
    }))
}

/// Makes sure that a verified backup of the run exists, and returns its path; one that does is never made anew,
/// for it holds what was there before the run changed anything. One that came to be since the look, from a command that was
/// slower than its connection, is looked at again.
pub(super) async fn ensure(
    host: &dyn Host,
    folder: &str,
    run: &str,
    paths: &[String],
) -> Result<String, StepError> {
    let wanted = path(folder, run);
    if find(host, folder, run).await?.is_some() {
        return Ok(wanted);
    }
    match archive::backup(host, &wanted, paths).await {
        Err(exists @ ArchiveError::Exists(_)) => {
            find(host, folder, run).await?.map(|_| wanted).ok_or_else(|| exists.into())
        }
        made => made.map(|()| wanted).map_err(StepError::from),
    }
}

/// The files a verified backup holds, with their digests.
pub(super) async fn contents(host: &dyn Host, archive: &str) -> Result<BTreeMap<String, Digest>, StepError> {
    let path = format!("{archive}.contents");
    let text = host.read(&path).await?.ok_or_else(|| {
        StepError::new(
            ErrorClass::Invalid,
            format!("{}: backup `{archive}` has no list of contents", host.name()),
        )
    })?;
    Ok(parse_contents(&String::from_utf8_lossy(&text)))
}

/// Reads what `sha256sum` writes: `DIGEST  PATH`, the paths made absolute.
fn parse_contents(text: &str) -> BTreeMap<String, Digest> {
    let entry = |line: &str| {
        let (digest, path) = line.split_once(' ')?;
        let path = path.trim_start_matches([' ', '*']).trim_start_matches("./").trim_start_matches('/');
        Some((format!("/{path}"), Digest::from_hex(digest)?))
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_contents_gives_absolute_paths() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let text = format!("{hex}  etc/kubernetes/admin.conf\n{hex} *./a b\nnot a line\n{hex}  /abs\n");
        let paths: Vec<String> = parse_contents(&text).into_keys().collect();
        assert_eq!(paths, ["/a b", "/abs", "/etc/kubernetes/admin.conf"]);
    }
}
