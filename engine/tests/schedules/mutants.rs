//! Broken workers: the campaign must be able to fail.

/// A mutant: its name, and what of the program is replaced by what.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) edits: &'static [(&'static str, &'static str)],
}

/// One thing a mutant. A takeover that compares only before it waits is not among them: a claim that is overwritten
/// is fenced itself, so nothing happens twice. Nor is a lock that is kept between requests: it makes the next one wait,
/// and what is slow is not called broken.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the owner is not looked at again under the lock",
        edits: &[("    if ! fenced; then\n        exec 7<&- 9>&-\n        return\n    fi\n", "")],
    },
    Mutant {
        name: "the owner is not looked at before the lock is waited for",
        edits: &[("    fenced && pipes && lock", "    pipes && lock")],
    },
    Mutant {
        name: "no fence at all",
        edits: &[("    test \"$token\" = - || owned_by \"$token\"\n", "    :\n")],
    },
    Mutant {
        name: "any epoch of the run will do",
        edits: &[(
            "    test \"$token\" = - || owned_by \"$token\"\n",
            "    IFS= read -r owner <\"$base/owner\"; test \"${owner%% *}\" = \"${token%% *}\" || owned_by \"$token\"\n",
        )],
    },
    Mutant {
        name: "the command does not inherit the lock",
        edits: &[(
            "(exec \"$@\") <&7 2>&8 3<&- 4<&- 5>&- 6>&- 7<&- 8>&-",
            "(exec \"$@\") <&7 2>&8 3<&- 4<&- 5>&- 6>&- 7<&- 8>&- 9>&-",
        )],
    },
    Mutant {
        name: "nothing waits for the lock",
        edits: &[("    flock -E 75 -w \"$secs\" 9 && return\n", "    return\n")],
    },
    Mutant {
        name: "a takeover does not wait for the lock",
        edits: &[(
            "        owned_by \"$1\" && folder && lock || return\n",
            "        owned_by \"$1\" && folder || return\n",
        )],
    },
    Mutant {
        name: "a takeover does not compare",
        edits: &[(
            "        owned_by \"$1\" && folder && lock || return\n        owned_by \"$1\" && swap \"$2\" ||",
            "        folder && lock || return\n        swap \"$2\" ||",
        )],
    },
    Mutant {
        name: "a request that is cut is served",
        edits: &[("        IFS= read -r line || exit 1\n", "        IFS= read -r line || lines=1\n")],
    },
    Mutant {
        name: "input that is cut is given to the command",
        edits: &[("    test \"$(stat -L -c %s /proc/self/fd/7)\" = \"$len\" || exit 1\n", "")],
    },
    Mutant {
        name: "output goes straight to the line",
        edits: &[
            ("(exec \"$@\") <&7 2>&8", "(exec \"$@\") <&7 >&1 2>&8"),
            ("    } >/proc/self/fd/3 8>", "    } 8>"),
        ],
    },
    Mutant {
        name: "every command ends well",
        edits: &[("    say \"end $status $out $err\"\n", "    say \"end 0 $out $err\"\n")],
    },
    Mutant {
        name: "the reply does not wait for the command",
        edits: &[(
            "    say begin\n    audit \"$what\"\n",
            "    say begin\n    say \"end 0 - -\"\n    audit \"$what\"\n",
        )],
    },
    Mutant {
        name: "what is refused is started",
        edits: &[(
            "    say \"owned $(printf %.800s \"$owner\")\"\n    return 1\n",
            "    say \"owned $(printf %.800s \"$owner\")\"\n    test \"$job\" = mutates || return 1\n",
        )],
    },
    Mutant { name: "the input keeps its name", edits: &[("    rm -f \"$file.in\"\n", "")] },
    Mutant {
        name: "the claim is not given up",
        edits: &[("        rm -f \"$base/owner\"\n", "        :\n")],
    },
];

impl Mutant {
    /// The program with its edits.
    pub(crate) fn of(&self, program: &str) -> String {
        self.edits.iter().fold(program.to_owned(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{}: `{from}` is not in the program once", self.name);
            text.replace(from, to)
        })
    }
}
