//! The machines of the tests themselves: one that ends takes no other with it.

use std::net::TcpStream;

use crate::sshd::{Folder, Setup, Sshd};

/// The kernel gives the number of a mount namespace that is gone to the next one that is made.
#[test]
fn a_machine_that_is_gone_takes_no_other_with_it() {
    let folder = Folder::new("machines");
    let start = |name: &str| Sshd::start(&folder.path().join(name), &Setup::default());
    let mut gone = start("gone");
    assert!(gone.power_off() <= 1, "nobody has logged in");
    let others = ["one", "two", "three"].map(start);
    drop(gone);
    for other in &others {
        let connected = TcpStream::connect((other.address(), other.port()));
        assert!(connected.is_ok(), "port {}: {connected:?}", other.port());
    }
}
