use super::*;
use crate::tools::testing::{TestCa, run, tell};

/// Two clusters, three users, comments, unknown fields, a plugin of somebody else; `{user}` is the entry in use.
const MANY: &str = "# mine
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- name: other   # a cloud
  cluster:
    server: https://other.example
    certificate-authority-data: T1RIRVI=
- name: lab
  cluster:
    certificate-authority-data: 'T0xELUNB'
    server: https://10.0.0.1:6443
    extensions: [{name: x, extension: {y: 1.0}}]
contexts:
- {name: other, context: {cluster: other, user: cloud}}
- {name: lab, context: {cluster: lab, user: admin, namespace: kube-system}}
- {name: lab-ro, context: {cluster: lab, user: reader}}
current-context: lab
users:
- name: cloud
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: cloud-login, args: [a, b]}
- name: reader
  user: {client-certificate: r.crt, client-key: r.key}
- name: admin
  user:
{user}
";

fn many(user: &str) -> String {
    MANY.replace("{user}", user)
}

fn fresh() -> Kubeconfig {
    let ca = TestCa::new("kubernetes");
    let (certificate, key) = ca.leaf("admin", 2029);
    let text = format!(
        "clusters: [{{name: c, cluster: {{server: 'https://10.0.0.1:6443', certificate-authority-data: {}}}}}]\n\
         contexts: [{{name: k, context: {{cluster: c, user: u}}}}]\ncurrent-context: k\n\
         users: [{{name: u, user: {{client-certificate-data: {}, client-key-data: {}}}}}]\n",
        STANDARD.encode("NEW-CA"),
        STANDARD.encode(certificate),
        STANDARD.encode(key)
    );
    Kubeconfig::parse(text.as_bytes()).unwrap()
}

/// The lines that are not in both.
fn changed(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let only = |one: &str, other: &str| {
        let other: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect()
    };
    (only(old, new), only(new, old))
}

#[test]
fn only_the_credentials_of_the_entry_in_use_change_and_every_other_byte_stays() {
    let new = fresh();
    let (certificate, key) = {
        let user = &new.users[0].entry;
        let (Some(Source::Data(certificate)), Some(Source::Data(key))) =
            (&user.client_certificate, &user.client_key)
        else {
            panic!("embedded")
        };
        (STANDARD.encode(certificate), STANDARD.encode(key.reveal()))
    };
    let forms = [
        // As kubectl writes it, quoted, in flow style, with a comment behind it, over lines, and by files.
        ("    client-certificate-data: T0xE\n    client-key-data: S0VZ\n    token: t", 2),
        ("    client-key-data: \"S0VZ\"\n    client-certificate-data: 'T0xE' # until autumn", 2),
        ("    {client-certificate-data: T0xE, client-key-data: S0VZ, x: [1, 2]}", 1),
        ("    client-certificate-data: |\n      T0xE\n      T0xE\n    client-key-data: S0VZ", 4),
        ("    client-certificate: admin.crt\n    client-key: \"/k/admin.key\"", 2),
        ("    \"client-certificate\": admin.crt\n    client-key-data: S0VZ", 2),
    ];
    for (user, lines) in forms {
        for (text, how) in [(many(user), "unix"), (many(user).replace('\n', "\r\n"), "dos")] {
            let made = splice(text.as_bytes(), &new, Authorities::Same)
                .unwrap_or_else(|error| panic!("{how}: {user}: {error}"));
            let made = String::from_utf8(made.reveal().to_vec()).unwrap();
            let (gone, come) = changed(&text, &made);
            assert!(gone.len() <= lines && come.len() <= 2, "{how}: {gone:?} -> {come:?}");
            let parsed = Kubeconfig::parse_in_place(made.as_bytes()).unwrap();
            let entry = &parsed.current().unwrap().1.entry;
            assert_eq!(entry.client_certificate, new.users[0].entry.client_certificate, "{how}: {made}");
            assert_eq!(entry.client_key, new.users[0].entry.client_key);
            // Everything before the entry, and the bytes around its values.
            let start = text.find("- name: admin").unwrap();
            assert_eq!(made[..start], text[..start], "{how}");
            assert!(made.contains(&certificate) && made.contains(&key));
            assert_eq!(made.contains("until autumn"), text.contains("until autumn"));
        }
    }
    tell(format_args!("{} forms of an entry", forms.len() * 2));
}

#[test]
fn authorities_are_replaced_where_it_is_asked_and_kubectl_reads_what_was_made() {
    let new = fresh();
    let text = many("    client-certificate-data: T0xE\n    client-key-data: S0VZ");
    let made = splice(text.as_bytes(), &new, Authorities::Replaced).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, made.reveal()).unwrap();
    let view = |more: &[&str]| {
        let mut argv = ["kubectl", "config", "view", "--raw"].map(str::to_owned).to_vec();
        argv.push(format!("--kubeconfig={}", file.display()));
        argv.extend(more.iter().map(|word| (*word).to_owned()));
        let output = run(&argv);
        assert!(output.success(), "{}", output.stderr.escaped());
        output.stdout.lossy().into_owned()
    };
    let current = Kubeconfig::parse(view(&["--minify"]).as_bytes()).unwrap();
    assert_eq!(current.clusters[0].entry.certificate_authority, new.clusters[0].entry.certificate_authority);
    assert_eq!(current.users[0].entry, new.users[0].entry);
    let all = view(&[]);
    assert!(all.contains("command: cloud-login") && all.contains("T1RIRVI=") && !all.contains("T0xELUNB"));
}

#[test]
fn what_cannot_be_had_by_replacing_values_is_not_made() {
    let new = fresh();
    let refused =
        |user: &str| splice(many(user).as_bytes(), &new, Authorities::Same).unwrap_err().to_string();
    let entangled =
        "is written so that its credentials cannot be replaced without changing more (aliases, a key twice)";
    assert_eq!(
        refused("    token: t"),
        "has neither `client-certificate-data` nor `client-certificate` to be replaced"
    );
    assert_eq!(
        refused("    client-certificate-data: T0xE"),
        "has neither `client-key-data` nor `client-key` to be replaced"
    );
    assert_eq!(refused("    exec: {command: x}"), "sets `exec` for user `admin`, which is refused");
    // Another entry's bytes stand for this one's.
    let shared =
        many("    client-certificate-data: *x\n    client-key-data: S0VZ").replace("T1RIRVI=", "&x T1RIRVI=");
    assert_eq!(splice(shared.as_bytes(), &new, Authorities::Same).unwrap_err().to_string(), entangled);
    // This one's stand for another entry's: it would change with them.
    let lent = many("    client-certificate-data: &x T0xE\n    client-key-data: S0VZ")
        + "- name: borrower\n  user: {client-certificate-data: *x, client-key-data: S0VZ}\n";
    assert_eq!(splice(lent.as_bytes(), &new, Authorities::Same).unwrap_err().to_string(), entangled);
    let no_context = many("    client-certificate-data: T0xE\n    client-key-data: S0VZ")
        .replace("current-context: lab", "");
    assert_eq!(
        splice(no_context.as_bytes(), &new, Authorities::Same).unwrap_err().to_string(),
        "has no current-context"
    );
}
