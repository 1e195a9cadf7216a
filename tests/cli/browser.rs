//! A headless Chromium, driven through chromedriver: one page at a time, what it shows, and what it asked the network for.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::program::Place;

/// A browser with a session.
pub(crate) struct Browser<'a> {
    place: &'a Place,
    driver: Child,
    session: String,
}

impl<'a> Browser<'a> {
    /// Starts one; what it keeps is in the place.
    pub(crate) fn start(place: &'a Place) -> Self {
        let mut driver = place
            .under("chromedriver", "--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (tests/run does that)");
        let mut said = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let port = said.find_map(|line| {
            let line = line.expect("text");
            let port = line.split("started successfully on port ").nth(1)?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let url = format!("http://127.0.0.1:{}/session", port.expect("chromedriver says its port"));
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || said.for_each(drop));
        let profile = place.path("profile").display().to_string();
        let mut browser = Self { place, driver, session: url };
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            &format!("--user-data-dir={profile}"),
        ];
        let asked = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"performance": "ALL"},
        }}});
        let made = browser.post("", &asked);
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        browser.session = format!("{}/{id}", browser.session);
        // Away from the browser's own first page, which asks for parts of itself.
        browser.post("/url", &json!({ "url": "about:blank" }));
        drop(browser.requests());
        browser
    }

    /// Opens a file of the place.
    pub(crate) fn open(&self, name: &str) {
        self.post("/url", &json!({ "url": format!("file://{}", self.place.path(name).display()) }));
    }

    /// What a script of the page gives.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    /// The page as a PDF, base64.
    pub(crate) fn print(&self) -> String {
        self.post("/print", &json!({})).as_str().expect("a PDF").to_owned()
    }

    /// Every address that was asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "performance" }));
        let entries = log.as_array().expect("a log").iter();
        entries
            .filter_map(|entry| {
                let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let message = &message["message"];
                (message["method"] == "Network.requestWillBeSent")
                    .then(|| message["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
            })
            .collect()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        fs::write(self.place.path("body.json"), body.to_string()).expect("a body");
        let args = format!(
            "-sS --max-time 60 -H Content-Type:application/json --data-binary @body.json {}{path}",
            self.session
        );
        let output = self.place.under("curl", &args).output().expect("curl is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{path}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr))
        });
        assert!(answer["value"].get("error").is_none_or(Value::is_null), "{path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        let ended =
            self.place.under("curl", &format!("-sS --max-time 10 -X DELETE {}", self.session)).output();
        drop(ended);
        let _gone = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}
