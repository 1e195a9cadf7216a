//! What lies beside the source of an inventory: configurations of other clusters, folders of variables.

use std::fs;
use std::path::{Path, PathBuf};

use certwright_engine::text::escape;

use crate::source;

/// The configurations of the clusters in the folders beside that of a bmctl configuration, each under its folder's name, and
/// their texts; what cannot be read, or others could change, is left out.
pub(crate) fn clusters(file: &Path) -> Vec<(PathBuf, String)> {
    let Some(folder) = file.parent() else { return Vec::new() };
    let workspace = match folder.parent() {
        None => Path::new(".."),
        Some(up) if up.as_os_str().is_empty() => Path::new("."),
        Some(up) => up,
    };
    let entries = fs::read_dir(workspace).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let file = entry.path().join(format!("{name}.yaml"));
        let text = source::of_others(&file).ok()?.text;
        Some((file, text))
    });
    texts.collect()
}

/// A note for each folder of Ansible's beside an inventory that holds variables, too.
pub(crate) fn variables(file: &Path) -> Vec<String> {
    let folders = ["group_vars", "host_vars"].map(|folder| file.with_file_name(folder));
    let there = folders.into_iter().filter(|folder| folder.exists());
    let note = |folder: PathBuf| {
        let folder = escape(&folder.display().to_string());
        format!("`{folder}` is not read: see that logins, keys, ports and addresses are right")
    };
    there.map(note).collect()
}
