//! The command line itself: help, and what is not accepted.

use expect_test::expect;

use crate::program::Place;

#[test]
fn help_lists_the_verbs_and_the_exit_codes() {
    Place::new().run("--help").is(&expect![[r#"
        exit 0
        --- stdout
        Renews the certificates of a Kubernetes control plane over SSH, proves it, and survives whatever
        happens on the way

        Usage: certwright [OPTIONS] <COMMAND>

        Commands:
          check        Reads a plan (and an inventory) and reports every mistake in it; touches no host
          plan         Looks at every host and shows what a run would change; changes nothing
          doctor       Says what is wrong with a cluster now and what mends it; changes nothing
          certs        Shows every certificate of every host, and what is to be said of them; changes
                       nothing
          run          Runs a plan against real hosts
          resume       Goes on with a run that failed, was interrupted or was cut off
          undo         Restores what a run changed
          abandon      Gives up a run for good and frees its hosts; its changes stay
          show         Shows a run: every host, every certificate, what failed
          report       Writes a run down for a change ticket: a page (HTML), Markdown or JSON
          runs         Lists the runs, the newest first
          inventory    Writes an inventory from bmctl, kubectl or Ansible
          rehearse     Tries a plan on simulated nodes with expired certificates; touches no real host
          completions  Prints the completions of a shell, to be sourced by it
          help         Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help
          -V, --version  Print version

        Common options:
              --state-dir <DIR>    Where runs are kept [default: $XDG_STATE_HOME/certwright, else
                                   ~/.local/state/certwright]
              --ssh-config <FILE>  An ssh_config that is read before your own; a run keeps it
              --output <FORMAT>    Text for people, or one JSON document (for runs one JSON object a line),
                                   errors included; `certs` knows more [default: human] [possible values:
                                   human, json, narrow, wide, markdown, csv, prometheus]

        Exit codes:
           0  done
           2  wrong usage, or a mistake in the plan or the inventory
           3  certs: something is to be looked at: it ends soon, does not fit, or a host did not answer
           4  certs: a certificate has expired
          10  failed; `certwright resume` goes on (abandon: a host was not freed, say it again)
          11  undone: what the run had changed is restored
          12  stuck: an undo failed, a human is needed
          13  interrupted; `certwright resume` goes on
          14  refused before anything was changed
          15  doctor: something does not work
          16  doctor: everything works, and something will not for long
          20  the journal cannot be read or written
    "#]]);
}

#[test]
fn every_verb_has_a_help_that_fits_its_arguments() {
    for verb in ["check", "plan", "run", "resume", "undo", "abandon", "show", "runs", "rehearse"] {
        let ran = Place::new().run(&format!("{verb} --help")).exits(0);
        assert!(ran.stdout.contains(&format!("Usage: certwright {verb}")), "{}", ran.stdout);
        assert!(ran.stdout.contains("--output"), "{}", ran.stdout);
        let longest = ran.stdout.lines().map(str::len).max();
        assert!(longest <= Some(100), "{verb}: {longest:?} columns");
    }
}

#[test]
fn the_help_of_run_says_how_to_confirm() {
    Place::new().run("run --help").is(&expect![[r#"
        exit 0
        --- stdout
        Runs a plan against real hosts

        Usage: certwright run [OPTIONS] --inventory <FILE> <PLAN>

        Arguments:
          <PLAN>  A shipped plan's name, or the path of a plan

        Options:
          -i, --inventory <FILE>  The inventory: the cluster and its hosts
              --set <NAME=VALUE>  Sets a parameter of the plan (may be repeated)
              --limit <HOST>      Only these hosts or groups; `workstation` is one too (may be repeated).
                                  Nodes left out keep their old certificates; without a quorum of etcd such
                                  a run cannot finish
              --yes=<CLUSTER>     The cluster's name, given here instead of typed when asked
          -h, --help              Print help

        Common options:
              --state-dir <DIR>    Where runs are kept [default: $XDG_STATE_HOME/certwright, else
                                   ~/.local/state/certwright]
              --ssh-config <FILE>  An ssh_config that is read before your own; a run keeps it
              --output <FORMAT>    Text for people, or one JSON document (for runs one JSON object a line),
                                   errors included; `certs` knows more [default: human] [possible values:
                                   human, json, narrow, wide, markdown, csv, prometheus]
    "#]]);
}

#[test]
fn the_help_of_rehearse_says_what_happens_without_arguments() {
    Place::new().run("rehearse --help").is(&expect![[r#"
        exit 0
        --- stdout
        Tries a plan on simulated nodes with expired certificates; touches no real host

        Usage: certwright rehearse [OPTIONS] [PLAN]

        Arguments:
          [PLAN]  A shipped plan's name, or the path of a plan [default: renew-control-plane]

        Options:
          -i, --inventory <FILE>  Make the lab after this inventory (names and addresses only) [default:
                                  three nodes]
              --lab <DIR>         Keep the simulated nodes in this folder; use those that are already there
              --fault <FAULT>     What goes wrong, as FAULT@HOST, or `none` (may be repeated); `--fault
                                  help` lists what can [default for a new lab: one DeadlineExceeded]
              --make-only         Only make the simulated nodes, their certificates expired: for a look by
                                  `plan`, `doctor` or `certs`
              --set <NAME=VALUE>  Sets a parameter of the plan (may be repeated)
              --limit <HOST>      Only these hosts or groups; `workstation` is one too (may be repeated).
                                  Nodes left out keep their old certificates; without a quorum of etcd such
                                  a run cannot finish
          -h, --help              Print help

        Common options:
              --state-dir <DIR>    Where runs are kept [default: $XDG_STATE_HOME/certwright, else
                                   ~/.local/state/certwright]
              --ssh-config <FILE>  An ssh_config that is read before your own; a run keeps it
              --output <FORMAT>    Text for people, or one JSON document (for runs one JSON object a line),
                                   errors included; `certs` knows more [default: human] [possible values:
                                   human, json, narrow, wide, markdown, csv, prometheus]

        Time is virtual: waits of minutes pass at once. Without --lab the nodes vanish afterwards.

        With --lab DIR they stay (DIR/cp-1 is the root of cp-1): look at them with openssl, rehearse again,
        resume.

        A `command` of a program that the lab does not have is taken as done, and named as not rehearsed.
        docs/plan-language.md lists the programs that it has.
    "#]]);
}

#[test]
fn an_unknown_verb_is_named_with_the_nearest_known_one() {
    Place::new().run("rehearze").is(&expect![[r#"
        exit 2
        --- stderr
        error: unrecognized subcommand 'rehearze'

          tip: a similar subcommand exists: 'rehearse'

        Usage: certwright [OPTIONS] <COMMAND>

        For more information, try '--help'.
    "#]]);
}

#[test]
fn a_usage_error_is_json_where_json_was_asked_for() {
    Place::new().run("run --output json").is(&expect![[r#"
        exit 2
        --- stdout
        {"code":"usage","diagnostics":null,"exit":2,"hints":["--inventory <FILE>","<PLAN>","Usage: certwright run --inventory <FILE> --output <FORMAT> <PLAN>","For more information, try '--help'."],"message":"the following required arguments were not provided:","schema":1,"type":"error"}
    "#]]);
}

#[test]
fn a_set_without_a_value_says_what_one_looks_like() {
    let place = Place::new();
    place.write("inventory.toml", "");
    place.run("check renew-control-plane -i inventory.toml --set force").is(&expect![[r#"
        exit 2
        --- stderr
        error: `--set force` is not NAME=VALUE
          for example --set renew-before=60d
    "#]]);
}

/// A run would renew everything, fail its own proof, and renew it again at each resume.
#[test]
fn a_time_longer_than_a_new_certificate_lasts_is_refused_before_anything_is_renewed() {
    let ran = Place::new().run("rehearse --set renew-before=400d").exits(2);
    let words = "`before` is 400d, and kubeadm issues certificates for 365d: they would be due as soon as they are renewed";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    drop(Place::new().run("check renew-control-plane --set renew-before=364d").exits(0));
}

#[test]
fn nothing_is_written_by_asking_for_runs_that_do_not_exist() {
    let place = Place::new();
    place.run("runs").is(&expect![[r#"
        exit 0
        --- stdout
        No runs: there is no folder ROOT/home/.local/state/certwright; the first run there makes it.
    "#]]);
    place.run("show").is(&expect![[r#"
        exit 14
        --- stderr
        error: there is no run yet
          `certwright rehearse` tries the renewal on simulated nodes
          `certwright run renew-control-plane --inventory FILE` renews real ones
    "#]]);
    place.run("resume").is(&expect![[r#"
        exit 14
        --- stderr
        error: there is no run yet
          `certwright rehearse` tries the renewal on simulated nodes
          `certwright run renew-control-plane --inventory FILE` renews real ones
    "#]]);
    place.run("show 2026").is(&expect![[r#"
        exit 2
        --- stderr
        error: there is no run `2026`
          `certwright runs` lists them
    "#]]);
    assert!(place.tree("home").is_empty());
}

#[test]
fn an_inventory_without_a_plan_is_not_passed_over() {
    Place::new().run("check -i nosuch.toml").is(&expect![[r#"
        exit 2
        --- stderr
        error: an inventory is checked together with a plan, and none is named: `nosuch.toml`
          certwright check renew-control-plane --inventory nosuch.toml
    "#]]);
}

#[test]
fn a_plan_that_is_nearly_there_comes_with_what_may_be_meant() {
    let place = Place::new();
    place.run("check renew-controlplane").is(&expect![[r#"
        exit 2
        --- stderr
        error: there is no plan `renew-controlplane`: neither a shipped plan nor a file
          did you mean `renew-control-plane`?
    "#]]);
}

#[test]
fn completions_are_taken_by_their_shells() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&format!("completions {shell}")).exits(0).stdout;
        assert!(script.contains("rehearse") && script.contains("make-only"), "{shell}: {script}");
        assert!(!script.contains("\\u{"), "{shell}: nothing of it was escaped");
    }
    place.write("script", place.run("completions bash").stdout);
    let bash = place.under("bash", "-c").arg(". ./script && complete -p certwright").output().unwrap();
    assert!(String::from_utf8_lossy(&bash.stdout).contains("_certwright"), "{bash:?}");
}
