use certwright_engine::plan::ErrorClass;

use super::*;
use crate::pki::Component;
use crate::tools::testing::{failed, fixture, fixtures, printed};

#[test]
fn every_recorded_list_of_containers_is_read_and_each_component_found_exactly() {
    let all = fixtures(|name, command| {
        command.starts_with("crictl ps") && command.ends_with("-o json") && !name.contains("trap")
    });
    let mut containers = 0;
    for fixture in &all {
        let listed = parse_containers(&fixture.output).unwrap();
        containers += listed.len();
        for component in Component::ALL {
            for found in select(&listed, component.name()) {
                assert!(found.pod.starts_with(&format!("{}-cp", component.name())), "{}", fixture.name);
            }
            assert!(latest(&listed, component.name()).is_some(), "{} {component:?}", fixture.name);
        }
        assert!(listed.iter().any(|c| c.name == "etcd-defrag"), "the trap is in {}", fixture.name);
    }
    crate::tools::testing::tell(format_args!("{} lists, {containers} containers", all.len()));
    assert_eq!(all.len(), 6);
}

#[test]
fn the_newest_container_counts_and_running_ones_apart() {
    let down = parse_containers(&fixture("expired/api-down/crictl-ps-a-json")).unwrap();
    let newest = latest(&down, "kube-apiserver").unwrap();
    assert_eq!((newest.attempt, newest.state), (3, ContainerState::Running), "it crash-loops without etcd");
    assert_eq!(select(&down, "kube-apiserver").count(), 2);
    assert_eq!(running(&down, "etcd").unwrap().attempt, 1);
    let mut stopped = down.clone();
    stopped.iter_mut().filter(|c| c.attempt == 3).for_each(|c| c.state = ContainerState::Exited);
    assert_eq!(latest(&stopped, "kube-scheduler").unwrap().attempt, 3);
    assert_eq!(running(&stopped, "kube-scheduler"), None, "an older one that exited is not the running one");
    assert_eq!(select(&down, "no-such").count(), 0);
}

#[test]
fn every_recorded_sandbox_is_read() {
    let all = fixtures(|_, command| command == "crictl pods -o json");
    for fixture in &all {
        let sandboxes = parse_sandboxes(&fixture.output).unwrap();
        assert!(
            sandboxes.iter().any(|s| s.pod.starts_with("etcd-cp") && s.ready && s.namespace == "kube-system")
        );
    }
    crate::tools::testing::tell(format_args!("{} lists of sandboxes", all.len()));
    assert_eq!(all.len(), 2);
}

#[test]
fn every_recorded_inspection_tells_what_became_of_the_container() {
    let all = fixtures(|_, command| command.starts_with("crictl inspect "));
    let mut read = 0;
    for fixture in &all {
        if !fixture.output.success() {
            assert_eq!(classify(&fixture.output), Some(Failure::NotFound), "{}", fixture.name);
            continue;
        }
        let inspection = parse_inspection(&fixture.output).unwrap();
        assert!(fixture.command.ends_with(&inspection.id), "{}", fixture.name);
        assert!(inspection.created_ns < inspection.started_ns);
        let (state, finished, code) = match fixture.name.as_str() {
            "crictl-stop/frozen-scheduler-inspect" => (ContainerState::Exited, true, 137),
            _ => (ContainerState::Running, false, 0),
        };
        assert_eq!(
            (inspection.state, inspection.finished_ns.is_some(), inspection.exit_code),
            (state, finished, code)
        );
        read += 1;
    }
    crate::tools::testing::tell(format_args!("{} inspections, {read} of containers that exist", all.len()));
    assert_eq!((all.len(), read), (7, 6));
    let etcd = parse_inspection(&fixture("healthy/crictl-inspect-etcd")).unwrap();
    assert_eq!((etcd.name.as_str(), etcd.started_ns), ("etcd", Some(1_795_553_109_659_180_908)));
}

#[test]
fn every_recorded_stop_is_classified() {
    let all = fixtures(|_, command| command.starts_with("crictl") && command.contains(" stop"));
    let mut timeouts = 0;
    for fixture in &all {
        let expected = if fixture.output.success() {
            None
        } else if fixture.name.ends_with("no-args") {
            Some(Failure::Other)
        } else {
            timeouts += 1;
            Some(Failure::DeadlineExceeded)
        };
        assert_eq!(classify(&fixture.output), expected, "{}", fixture.name);
    }
    crate::tools::testing::tell(format_args!("{} stops, {timeouts} timeouts", all.len()));
    assert_eq!((all.len(), timeouts), (14, 5));
}

#[test]
fn old_and_other_spellings_of_failures_are_known() {
    for (stderr, expected) in [
        (
            "FATA[0002] stopping the container \"1\": rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            Failure::DeadlineExceeded,
        ),
        (
            "time=\"x\" level=fatal msg=\"stopping the container \\\"1\\\" failed: rpc error: code = Unknown desc = context deadline exceeded\"",
            Failure::DeadlineExceeded,
        ),
        (
            "FATA[0000] getting the status of the container \"1\": rpc error: code = NotFound desc = an error occurred when try to find container \"1\": not found",
            Failure::NotFound,
        ),
        (
            "level=fatal msg=\"validate service connection: CRI v1 runtime API is not implemented for endpoint \\\"unix:///run/x.sock\\\": rpc error: code = Unavailable desc = connection error: desc = \\\"transport: Error while dialing dial unix /run/x.sock: connect: connection refused\\\"\"",
            Failure::Unavailable,
        ),
        (
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory\"",
            Failure::Unavailable,
        ),
        ("rpc error: code = ResourceExhausted desc = x", Failure::Other),
        ("", Failure::Other),
    ] {
        assert_eq!(classify(&failed(1, stderr)), Some(expected), "{stderr}");
    }
    let output = failed(1, "code = DeadlineExceeded desc = context deadline exceeded");
    let command = Crictl::default().stop("0123", Duration::ZERO);
    let error = step_error("kube-scheduler on cp-1", &command, &output);
    assert_eq!(error.class, ErrorClass::DeadlineExceeded);
    assert_eq!(error.to_string(), "kube-scheduler on cp-1: context deadline exceeded");
    assert_eq!(error.evidence.unwrap().status, Some(1));
}

#[test]
fn a_stop_gives_the_runtime_more_time_than_the_grace_and_our_clock_more_than_the_runtime() {
    let crictl = Crictl::new(Some("unix:///run/containerd/containerd.sock".into()));
    let stop = crictl.stop("0123abc", Duration::from_millis(4_500));
    assert_eq!(
        stop.argv.join(" "),
        "crictl --runtime-endpoint unix:///run/containerd/containerd.sock --timeout 35s stop --timeout 5 0123abc"
    );
    assert!(stop.deadline > Duration::from_secs(35));
    assert_eq!(Crictl::default().ps(Which::All).argv.join(" "), "crictl --timeout 10s ps -a -o json");
    assert_eq!(Crictl::default().logs("0a", 50).argv.join(" "), "crictl --timeout 10s logs --tail 50 0a");
}

#[test]
fn hostile_lists_are_errors_or_harmless_and_an_option_is_never_an_id() {
    let list = |id: &str| {
        format!(
            r#"{{"containers":[{{"id":"{id}","podSandboxId":"a1","metadata":{{"name":"x\u001b[2J"}},"state":"NEW","createdAt":"1"}}]}}"#
        )
    };
    let good = parse_containers(&printed(list("a1"))).unwrap();
    assert_eq!((good[0].state, good[0].name.as_str()), (ContainerState::Unknown, "x\\u{1b}[2J"));
    for id in ["--all", "", "A1", "a 1", "a;b"] {
        assert!(parse_containers(&printed(list(id))).is_err(), "{id}");
    }
    for bad in ["", "null", "[]", "{}", "{\"containers\":[{}]}", "{\"containers\":7}"] {
        assert!(
            parse_containers(&printed(bad)).is_err() && parse_inspection(&printed(bad)).is_err(),
            "{bad}"
        );
    }
    assert_eq!(
        parse_containers(&printed("{\"containers\":[]}")).unwrap(),
        [],
        "a runtime without containers"
    );
    let large = parse_containers(&printed(vec![b' '; 2 << 20])).unwrap_err();
    assert_eq!(large.to_string(), "the output of `crictl ps` is too large to be read whole");
}
