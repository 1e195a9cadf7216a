//! A draft written into an inventory: what is missing there is added, everything else stays as the operator wrote it,
//! comments and order included.
//!
//! Invariant: nothing that an inventory says is changed, but for a name that was only a host's address. What differs, and
//! hosts that the source does not know, are told and left to the operator.

use std::net::IpAddr;

use certwright_engine::text::line;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, value};

use super::{Draft, DraftError, GROUP, Host, Ssh, quoted};

/// The first line of a new inventory.
const HEAD: &str = "# The machines of one cluster: who they are and how they are reached.\n";

/// An inventory with a draft in it, and what was done about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Merged {
    /// The whole file.
    pub text: String,
    /// What was added, differs or is unknown, in the order of the file.
    pub told: Vec<Told>,
}

/// One thing that a merge has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// This is new in the inventory.
    Added(String),
    /// The inventory says something else than the source, and keeps it.
    Kept {
        /// What it is about: `cluster.namespace`, `host cp-1: user`.
        what: String,
        /// What the inventory says.
        has: String,
        /// What the source says.
        source: String,
    },
    /// A host of the inventory's control plane that the source does not know.
    Unknown(String),
}

/// Writes a draft into `text`, the inventory `name`; an empty text becomes a new one.
///
/// # Errors
/// The text is no TOML, or of another cluster, or has its hosts in one line.
pub fn merge(text: &str, name: &str, draft: &Draft) -> Result<Merged, DraftError> {
    let head = if text.trim().is_empty() { HEAD } else { "" };
    let shown = line(name);
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        DraftError::new(format!("`{shown}:{at}` is not TOML: {}", line(error.message())))
            .hint("`certwright check renew-control-plane --inventory FILE` shows the place")
    })?;
    let mut merge = Merge { told: Vec::new(), inventory: &shown };
    merge.cluster(document.as_table_mut(), draft)?;
    merge.ssh(document.as_table_mut(), &draft.ssh)?;
    merge.hosts(document.as_table_mut(), draft)?;
    Ok(Merged { told: merge.told, text: format!("{head}{document}") })
}

struct Merge<'a> {
    told: Vec<Told>,
    inventory: &'a str,
}

impl Merge<'_> {
    fn cluster(&mut self, root: &mut Table, draft: &Draft) -> Result<(), DraftError> {
        let cluster = self.section(root, "cluster")?;
        let has = cluster.get("name").and_then(Item::as_str).map(str::to_owned);
        if let (Some(has), Some(name)) = (&has, &draft.name)
            && has != name
        {
            let message = format!(
                "`{}` is of cluster `{}`, and this is `{}`",
                self.inventory,
                quoted(has),
                quoted(name)
            );
            return Err(DraftError::new(message).hint("an inventory is of one cluster: name another file"));
        }
        for (key, said) in [
            ("name", &draft.name),
            ("namespace", &draft.namespace),
            ("kubeconfig", &draft.kubeconfig),
            ("admin-kubeconfig", &draft.admin_kubeconfig),
            ("virtual-ip", &draft.virtual_ip),
        ] {
            set(cluster, key, said.as_deref(), &format!("cluster.{key}"), &mut self.told);
        }
        Ok(())
    }

    fn ssh(&mut self, root: &mut Table, ssh: &Ssh) -> Result<(), DraftError> {
        if *ssh == Ssh::default() {
            return Ok(());
        }
        let section = self.section(root, "ssh")?;
        reach(section, ssh, "ssh.", &mut self.told);
        Ok(())
    }

    fn hosts(&mut self, root: &mut Table, draft: &Draft) -> Result<(), DraftError> {
        let hosts = root.entry("host").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(hosts) = hosts.as_array_of_tables_mut() else {
            let message = format!("`{}` lists its hosts in one line", self.inventory);
            return Err(DraftError::new(message).hint("write each as a [[host]] of its own, and try again"));
        };
        let text = |table: &Table, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let known = |table: &Table, host: &Host| {
            text(table, "address").is_some_and(|address| is_same(&address, &host.address))
                || text(table, "name").as_deref() == Some(&host.name)
        };
        for table in hosts.iter() {
            let of_group = table
                .get("groups")
                .and_then(Item::as_array)
                .is_some_and(|groups| groups.iter().any(|group| group.as_str() == Some(GROUP)));
            if of_group && !draft.hosts.iter().any(|host| known(table, host)) {
                self.told.push(Told::Unknown(text(table, "name").unwrap_or_default()));
            }
        }
        for host in &draft.hosts {
            if let Some(table) = hosts.iter_mut().find(|table| known(table, host)) {
                self.host(table, host);
            } else {
                hosts.push(new(host));
                self.told.push(Told::Added(format!("host {}", host.name)));
            }
        }
        Ok(())
    }

    fn host(&mut self, table: &mut Table, host: &Host) {
        let name = table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
        let is_placeholder =
            table.get("address").and_then(Item::as_str) == Some(&name) && host.name != host.address;
        if is_placeholder && name != host.name {
            if let Some(item) = table.get_mut("name") {
                replace(item, &host.name);
            }
            self.told.push(Told::Added(format!("host {}: the name of {name}", host.name)));
        }
        let name = table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned();
        if host.name != host.address {
            set(table, "name", Some(&host.name), &format!("host {name}: name"), &mut self.told);
        }
        let said = Some(host.address.as_str()).filter(|address| {
            table.get("address").and_then(Item::as_str).is_none_or(|has| !is_same(has, address))
        });
        set(table, "address", said, &format!("host {name}: address"), &mut self.told);
        reach(table, &host.ssh, &format!("host {name}: "), &mut self.told);
        let groups = table.entry("groups").or_insert_with(|| value(toml_edit::Array::new()));
        if let Some(groups) = groups.as_array_mut()
            && !groups.iter().any(|group| group.as_str() == Some(GROUP))
        {
            groups.push(GROUP);
            self.told.push(Told::Added(format!("host {name}: group {GROUP}")));
        }
    }

    fn section<'a>(&self, root: &'a mut Table, key: &str) -> Result<&'a mut dyn TableLike, DraftError> {
        let section = root.entry(key).or_insert_with(|| Item::Table(Table::new()));
        section.as_table_like_mut().ok_or_else(|| {
            DraftError::new(format!("`{}`: `{key}` is no section: write [{key}]", self.inventory))
        })
    }
}

/// Sets what is not there; tells what differs.
fn set(table: &mut dyn TableLike, key: &str, said: Option<&str>, what: &str, told: &mut Vec<Told>) {
    let Some(said) = said else { return };
    match table.get(key) {
        None => {
            table.insert(key, value(said));
            told.push(Told::Added(format!("{what} = {said}")));
        }
        Some(item) if item.as_str() == Some(said) => {}
        Some(item) => {
            let has = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            let (what, has, source) = (what.to_owned(), has.trim().to_owned(), said.to_owned());
            told.push(Told::Kept { what, has, source });
        }
    }
}

fn reach(table: &mut dyn TableLike, ssh: &Ssh, what: &str, told: &mut Vec<Told>) {
    set(table, "user", ssh.user.as_deref(), &format!("{what}user"), told);
    set(table, "identity", ssh.identity.as_deref(), &format!("{what}identity"), told);
    let Some(port) = ssh.port else { return };
    match table.get("port").and_then(Item::as_integer) {
        Some(has) if has == i64::from(port) => {}
        Some(has) => told.push(Told::Kept {
            what: format!("{what}port"),
            has: has.to_string(),
            source: port.to_string(),
        }),
        None => {
            table.insert("port", value(i64::from(port)));
            told.push(Told::Added(format!("{what}port = {port}")));
        }
    }
}

/// Another text in the place of one, with the comments around it.
fn replace(item: &mut Item, text: &str) {
    if let Some(old) = item.as_value_mut() {
        let decor = old.decor().clone();
        *old = text.into();
        *old.decor_mut() = decor;
    }
}

fn new(host: &Host) -> Table {
    let mut table = Table::new();
    table.insert("name", value(&host.name));
    table.insert("address", value(&host.address));
    let mut groups = toml_edit::Array::new();
    groups.push(GROUP);
    table.insert("groups", value(groups));
    reach(&mut table, &host.ssh, "", &mut Vec::new());
    table
}

/// Two spellings of one address, or the same name.
fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), _) | (_, Err(_)) => one.eq_ignore_ascii_case(other),
    }
}

#[cfg(test)]
mod tests;
