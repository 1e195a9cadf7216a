//! The load balancer, in front of an API server and of something that only takes connections.

use std::net::TcpListener;

use crate::ground::{Ground, curl, eventually};

/// A server that is no more than a listening port, as one that starts.
fn listening(ground: &Ground) -> TcpListener {
    let listener = TcpListener::bind(format!("{}:6443", ground.address(2))).expect("the port is free");
    let own = listener.try_clone().expect("the port twice");
    std::thread::spawn(move || own.incoming().for_each(drop));
    listener
}

#[test]
fn plain_tcp_sends_connections_to_a_server_that_is_not_ready_and_readyz_does_not() {
    let mut ground = Ground::up(1);
    let _port = listening(&ground);
    // Of the three, one is well, one only listens, one is not there at all.
    let url = format!("https://{}:6443/livez", ground.address(9));
    ground.start_balancer("tcp", 3);
    eventually("the balancer is up", || curl(&url));
    let answers = |count: usize| (0..count).filter(|_| curl(&url).is_some()).count();
    let plain = answers(12);
    assert!((1..12).contains(&plain), "{plain} of 12 were answered");
    ground.kill(1, "balancer");
    ground.start_balancer("readyz", 3);
    eventually("the balancer has found the one", || curl(&url));
    assert_eq!(answers(12), 12);
    let log = ground.log(1, "balancer");
    assert_eq!(log.matches(" is ready").count(), 1, "{log}");
    ground.kill(1, "kube-apiserver");
    eventually("it is missed", || ground.log(1, "balancer").contains(" is not ready").then_some(()));
    assert_eq!(curl(&url), None);
}

/// It answers before it is ready, and says so.
#[test]
fn a_server_that_starts_is_not_ready_though_it_answers() {
    let mut ground = Ground::up(1);
    ground.kill(1, "kube-apiserver");
    ground.start_balancer("readyz", 1);
    ground.pace = 1;
    ground.start_api(1);
    let url = format!("https://{}:6443/readyz", ground.address(1));
    let mut refusals = 0;
    eventually("the server is ready", || {
        let was_found_ready = ground.log(1, "balancer").contains(" is ready");
        let (ready, refused) = (curl(&url).is_some(), ground.log(1, "kube-apiserver").contains("Serving"));
        refusals += usize::from(refused && !ready);
        assert!(ready || !was_found_ready, "found ready too early");
        ready.then_some(())
    });
    assert!(refusals > 5, "it was seen {refusals} times to serve and not to be ready");
    eventually("it is found ready", || ground.log(1, "balancer").contains(" is ready").then_some(()));
}
