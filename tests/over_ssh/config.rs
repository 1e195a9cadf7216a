//! The ssh_config that a run began with goes with it.

use std::fs;

use crate::cluster::Cluster;

const PLAN: &str = r#"version = 1
name = "copies"

[[stage]]
id = "files"
on = "control-plane"

[[stage.step]]
id = "copy"
kind = "command"
with.argv = ["cp", "/var/lib/certwright/allowed", "/var/lib/certwright/made"]
with.creates = "/var/lib/certwright/made"
"#;

#[test]
fn a_run_that_is_taken_up_finds_its_hosts_by_the_ssh_config_it_began_with() {
    let cluster = Cluster::expired();
    cluster.write("plan.toml", PLAN);
    // Where the keys of the hosts are known is said in that file only.
    let alone = cluster.run_plain("plan plan.toml --inventory inventory.toml");
    assert!(alone.stdout.contains("its host key is unknown"), "{}", alone.whole());

    let failed = cluster.run("run plan.toml --inventory inventory.toml --yes=lab");
    assert_eq!(failed.code, Some(10), "{}", failed.whole());
    let (config, moved) = (cluster.path("ssh_config"), cluster.path("moved"));
    let shown = cluster.run_plain("show").stdout;
    assert!(shown.contains(&format!("{} is read before your own ssh_config", config.display())), "{shown}");

    fs::rename(&config, &moved).expect("it is moved");
    let refused = cluster.run_plain("resume");
    assert_eq!(refused.code, Some(14), "{}", refused.whole());
    let (error, hints) = refused.stderr.split_once('\n').expect("a line and its hints");
    assert_eq!(error, format!("error: read `{}`: no such file or directory", config.display()));
    assert!(hints.contains("began with this ssh_config; --ssh-config FILE names another one"), "{hints}");

    for node in cluster.nodes() {
        let allowed = cluster.path("lab").join(node).join("var/lib/certwright/allowed");
        fs::write(allowed, "x").expect("what the step waits for");
    }
    // One that is named now goes before it; this one knows nobody.
    cluster.write("other", "UserKnownHostsFile /dev/null\n");
    let other = cluster.run_plain(&format!("resume --ssh-config {}", cluster.path("other").display()));
    assert_eq!(other.code, Some(10), "{}", other.whole());
    assert!(other.stdout.contains("its host key is unknown"), "{}", other.whole());

    fs::rename(&moved, &config).expect("it is back");
    let resumed = cluster.run_plain("resume");
    assert_eq!(resumed.code, Some(0), "{}", resumed.whole());
    println!("a failed run was taken up without, with another and with its own ssh_config");
}
