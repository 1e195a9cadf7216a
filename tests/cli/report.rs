//! `report`: a run for a change ticket, as a page, as Markdown and as JSON, each with the same figures.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::program::Place;

/// A rehearsal in which a renewal dies and a stop runs out of time, resumed to its end.
fn rehearsed() -> Place {
    let place = Place::new();
    place.run("rehearse --lab lab --fault deadline-exceeded@cp-2 --fault renew-dies=4@cp-1").exits(10);
    place.run("resume").exits(0);
    place
}

fn in_json(place: &Place) -> Value {
    let ran = place.run("report --output json").exits(0);
    let [report] = &ran.json()[..] else { panic!("one object: {}", ran.stdout) };
    report.clone()
}

fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().unwrap_or_else(|| panic!("a list of {name}"))
}

fn date(ms: &Value) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]");
    let seconds = i64::try_from(ms.as_u64().expect("a time") / 1000).expect("this millennium");
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    at.format(format).expect("a date")
}

#[test]
fn the_same_figures_are_in_json_and_markdown_and_the_retry_has_its_evidence() {
    let place = rehearsed();
    let json = in_json(&place);
    assert_eq!(json["type"], "report");
    let hands: Vec<&Value> = list(&json, "hands").iter().map(|hand| &hand["what"]).collect();
    assert_eq!(hands, ["began", "resumed"]);
    let restarts = list(&json, "restarts");
    assert_eq!(restarts.len(), 12, "four components of three nodes: {restarts:#?}");
    assert!(restarts.iter().all(|one| one["before"] != one["now"] && one["made_ms"].is_u64()));
    let results = |result: &str| {
        list(&json, "attempts").iter().filter(|attempt| attempt["result"] == result).collect::<Vec<_>>()
    };
    assert_eq!(results("changed").len(), 11);
    let [failed] = results("failed")[..] else { panic!("one attempt failed for good") };
    assert_eq!((&failed["host"], &failed["step"]), (&json!("cp-1"), &json!("renew")));
    let [retried] = results("retried")[..] else { panic!("one attempt was retried") };
    assert_eq!(retried["failure"]["error"]["class"], "deadline-exceeded");
    assert!(retried["failure"]["retry_in_ms"].is_u64());

    let markdown = place.run("report").exits(0).stdout;
    assert!(markdown.starts_with("# renew-control-plane on cluster lab: changed\n"), "{markdown}");
    for change in list(&json["run"], "certificates") {
        let (before, after) = (date(&change["before_ms"]), date(&change["after_ms"]));
        let fate = if before == after { "unchanged" } else { "renewed" };
        let text = |key: &str| change[key].as_str().expect("a text");
        let row = format!("| {} | {} | {before} | {after} | {fate} |\n", text("host"), text("certificate"));
        assert!(markdown.contains(&row), "{row} is missing in\n{markdown}");
    }
    let rows = |heading: &str| {
        let part = markdown.split(heading).nth(1).expect("the part").split("\n## ").next().expect("its text");
        part.lines().filter(|line| line.starts_with("| ")).count() - 1
    };
    assert_eq!(rows("## Restarts"), 12);
    assert_eq!(rows("## Course of the run"), list(&json, "attempts").len());
    for words in ["## Failures on the way", "## Retries and their evidence", "    $ kubeadm certs renew all"]
    {
        assert!(markdown.contains(words), "{words} is missing in\n{markdown}");
    }
}

#[test]
fn a_file_is_new_readable_by_its_owner_alone_and_says_by_its_name_as_what() {
    let place = rehearsed();
    place.run("report --to run.html").exits(0);
    let page = fs::read_to_string(place.path("run.html")).expect("the page");
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert_eq!(fs::metadata(place.path("run.html")).expect("it").permissions().mode() & 0o777, 0o600);
    let again = place.run("report --to run.html").exits(14);
    assert!(again.stderr.contains("--to wants the name of a file that is not there yet"), "{}", again.stderr);
    let what = place.run("report --to run.txt").exits(2);
    assert!(
        what.stderr.contains("`run.txt` does not say as what the report is to be written"),
        "{}",
        what.stderr
    );
    place.run("report --to run.txt --as markdown").exits(0);
    assert!(fs::read_to_string(place.path("run.txt")).expect("it").starts_with("# renew-control-plane"));
    assert!(place.run("report nothing-like-it").exits(2).stderr.contains("`certwright runs` lists them"));
}

/// What a command of a plan says is text in a report, whatever it looks like.
#[test]
fn markup_in_the_output_of_a_command_stays_text() {
    let place = Place::new();
    let inventory = "[cluster]\nname = \"c\"\nnamespace = \"n\"\nkubeconfig = \"k\"\n\n[[host]]\nname = \"cp-1\"\naddress = \"127.0.0.1\"\n";
    let plan = "version = 1\nname = \"bad\"\n\n[[stage]]\nid = \"s\"\non = \"workstation\"\n\n[[stage.step]]\nid = \"say\"\n\
                kind = \"command\"\nwith.argv = [\"sh\", \"-c\", \"echo '</td><script>alert(1)</script>|cell' >&2; exit 1\"]\n\
                with.creates = \"/nonexistent\"\n";
    place.write("plan.toml", plan).write("inventory.toml", inventory);
    place.run("run plan.toml -i inventory.toml --yes=c").exits(10);
    let page = place.run("report --as html").exits(0).stdout;
    assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    let markdown = place.run("report").exits(0).stdout;
    let row = markdown.lines().find(|line| line.contains("s/say")).expect("its row");
    assert!(!row.contains("<script"), "{row}");
}

#[test]
fn a_browser_shows_the_figures_of_the_json_in_any_light_on_a_phone_and_on_paper_without_a_network() {
    let place = rehearsed();
    let json = in_json(&place);
    place.run("report --to run.html").exits(0);
    let browser = Browser::start(&place);
    let offline = json!({"offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0});
    browser.devtools("Network.enable", &json!({}));
    browser.devtools("Network.emulateNetworkConditions", &offline);
    browser.open("run.html");
    let page = format!("file://{}", place.path("run.html").display());
    assert_eq!(browser.requests(), [page], "it asks for nothing but itself");

    let table = |id: &str| {
        let script = format!(
            "return [...document.querySelectorAll('#{id} tbody tr')].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        );
        browser.script(&script)
    };
    let told: Vec<Value> = list(&json["run"], "certificates")
        .iter()
        .map(|change| {
            let (before, after) = (date(&change["before_ms"]), date(&change["after_ms"]));
            let fate = if before == after { "unchanged" } else { "renewed" };
            json!([change["host"], change["certificate"], before, after, fate])
        })
        .collect();
    assert!(told.len() > 30);
    assert_eq!(table("certificates"), json!(told));
    let shown = table("attempts");
    let shown: Vec<Value> =
        shown.as_array().expect("rows").iter().map(|row| json!([row[1], row[3]])).collect();
    let told: Vec<Value> =
        list(&json, "attempts").iter().map(|attempt| json!([attempt["host"], attempt["result"]])).collect();
    assert_eq!(shown, told);
    assert_eq!(table("restarts").as_array().map(Vec::len), Some(list(&json, "restarts").len()));
    assert_eq!(browser.script("return document.getElementById('outcome').innerText"), "changed");
    let versions = format!(
        "certwright {}; Kubernetes {}, kubeadm {}",
        json["versions"]["certwright"].as_str().expect("a version"),
        json["versions"]["nodes"][0]["kubernetes"].as_str().expect("a version"),
        json["versions"]["nodes"][0]["kubeadm"].as_str().expect("a version")
    );
    assert_eq!(browser.script("return document.getElementById('versions').innerText"), versions);

    let colours =
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]";
    let media = |medium: &str, scheme: &str| {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.devtools("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
        browser.script(colours)
    };
    let (light, dark) = (media("screen", "light"), media("screen", "dark"));
    assert_eq!(light, json!(["rgb(255, 255, 255)", "rgb(29, 39, 51)"]));
    assert_eq!(dark, json!(["rgb(20, 25, 31)", "rgb(228, 233, 238)"]));
    assert_eq!(media("print", "dark"), json!(["rgb(255, 255, 255)", "rgb(0, 0, 0)"]), "paper is white");
    media("screen", "light");

    let phone = json!({"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true});
    browser.devtools("Emulation.setDeviceMetricsOverride", &phone);
    let wide = browser.script("return [document.documentElement.scrollWidth, window.innerWidth]");
    assert_eq!(wide, json!([390, 390]), "nothing of the page itself is wider than a phone");
    browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));

    // `JVBERi` is `%PDF` in base64.
    assert!(browser.print().starts_with("JVBERi"));
    println!(
        "{} certificates and {} attempts shown: light, dark, phone, paper",
        list(&json["run"], "certificates").len(),
        told.len()
    );
}
