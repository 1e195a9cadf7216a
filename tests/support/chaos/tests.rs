//! The proxy between two sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::thread::sleep;

use super::*;

/// A client, the server's end of its connection, and the proxy between them.
fn line(arm: impl FnOnce(&Chaos)) -> (TcpStream, TcpStream, Chaos) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let chaos = Chaos::to(listener.local_addr().expect("bound").port());
    arm(&chaos);
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, chaos.port())).expect("it listens");
    let (served, _) = listener.accept().expect("the proxy connects");
    for end in [&client, &served] {
        end.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket");
    }
    (client, served, chaos)
}

fn read_all(mut from: &TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let error = from.read_to_end(&mut bytes).err().map(|error| error.kind());
    (bytes, error)
}

#[test]
fn a_line_without_a_fault_passes_everything_and_counts_it() {
    let (mut client, served, chaos) = line(|_| {});
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let sent = bytes.clone();
    let writing = std::thread::spawn(move || client.write_all(&sent).map(|()| client));
    served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let mut got = vec![0; bytes.len()];
    (&served).read_exact(&mut got).expect("it passes");
    assert!(got == bytes);
    drop(writing.join().expect("no panic").expect("written"));
    assert_eq!(read_all(&served), (Vec::new(), None), "its end passes too");
    assert_eq!(chaos.passed(Way::Up), 300_000);
    assert_eq!(chaos.pieces().last(), Some(&(Way::Up, 300_000)));
    assert!(!chaos.fired() && chaos.connections() == 1);
}

#[test]
fn a_cut_passes_exactly_its_bytes_and_ends_both_sides_as_asked() {
    for how in [End::Fin, End::Rst] {
        for after in [0, 1, 3, 5] {
            let cut = Fault::Cut { way: Way::Up, after, how };
            let (mut client, served, chaos) = line(|chaos| chaos.arm(Line::Next, cut));
            client.write_all(b"bytes").expect("sent");
            served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
            let (got, error) = read_all(&served);
            let reset = (how == End::Rst).then_some(ErrorKind::ConnectionReset);
            assert_eq!(error, reset, "{how:?} after {after}");
            assert_eq!(got, b"bytes"[..usize::try_from(after).expect("small")], "{how:?} after {after}");
            client.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
            assert_eq!(read_all(&client), (Vec::new(), reset), "{how:?} after {after}");
            assert!(chaos.fired());
        }
    }
}

#[test]
fn a_line_can_be_cut_while_nothing_passes() {
    for (how, error) in [(End::Fin, None), (End::Rst, Some(ErrorKind::ConnectionReset))] {
        let (mut client, served, chaos) = line(|_| {});
        client.write_all(b"a").expect("sent");
        assert_eq!(read_all(&served), (b"a".to_vec(), Some(ErrorKind::WouldBlock)));
        chaos.cut(how);
        for end in [&client, &served] {
            end.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
            assert_eq!(read_all(end), (Vec::new(), error), "{how:?}");
        }
        while chaos.open() > 0 {
            sleep(LOOK_EVERY);
        }
    }
}

#[test]
fn held_bytes_arrive_once_they_are_released_though_the_client_is_gone() {
    let (mut client, served, chaos) = line(|_| {});
    client.write_all(b"a").expect("sent");
    assert_eq!(read_all(&served), (b"a".to_vec(), Some(ErrorKind::WouldBlock)));
    chaos.arm(Line::Newest, Fault::Hold { way: Way::Up, after: 1 });
    client.write_all(b"bcd").expect("sent");
    drop(client);
    assert_eq!(read_all(&served), (b"b".to_vec(), Some(ErrorKind::WouldBlock)), "neither bytes nor end");
    assert!(chaos.fired());
    chaos.release(Release::All);
    served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    assert_eq!(read_all(&served), (b"cd".to_vec(), None));
}

#[test]
fn held_bytes_can_be_released_without_the_end_of_their_connection() {
    let (mut client, served, chaos) =
        line(|chaos| chaos.arm(Line::Next, Fault::Hold { way: Way::Up, after: 0 }));
    client.write_all(b"abc").expect("sent");
    drop(client);
    assert_eq!(read_all(&served), (Vec::new(), Some(ErrorKind::WouldBlock)));
    chaos.release(Release::Bytes);
    assert_eq!(read_all(&served), (b"abc".to_vec(), Some(ErrorKind::WouldBlock)), "and no end");
    assert!(chaos.fired());
}

#[test]
fn a_half_open_line_passes_nothing_and_stays() {
    let (mut client, mut served, chaos) = line(|_| {});
    chaos.arm(Line::Newest, Fault::HalfOpen { way: Way::Up, after: 2 });
    client.write_all(b"abc").expect("sent");
    assert_eq!(read_all(&served), (b"ab".to_vec(), Some(ErrorKind::WouldBlock)));
    served.write_all(b"x").expect("the kernel takes it");
    assert_eq!(read_all(&client), (Vec::new(), Some(ErrorKind::WouldBlock)));
    drop(client);
    assert_eq!(read_all(&served), (Vec::new(), Some(ErrorKind::WouldBlock)), "it is not told");
    assert!(chaos.fired());
}

#[test]
fn a_slow_line_passes_everything_later() {
    let trickle = Fault::Trickle { way: Way::Down, bytes_per_second: 2 };
    for fault in [trickle, Fault::Delay { by: Duration::from_millis(250) }] {
        let (client, mut served, chaos) = line(|chaos| chaos.arm(Line::Next, fault));
        served.write_all(b"abc").expect("sent");
        drop(served);
        let (early, error) = read_all(&client);
        assert!(early.len() < 3 && error.is_some(), "{fault:?}: {early:?}");
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        assert_eq!([early, read_all(&client).0].concat(), b"abc");
        assert!(chaos.fired());
    }
}

#[test]
fn a_watcher_that_sees_every_piece_chooses_the_moment_of_a_fault() {
    let (mut client, served, chaos) = line(|chaos| {
        chaos.watch(Box::new(|connection, way, bytes| {
            let is_it = (connection, way, bytes) == (1, Way::Up, 2);
            is_it.then_some(Fault::Cut { way: Way::Up, after: 0, how: End::Fin })
        }));
    });
    client.write_all(b"a").expect("sent");
    assert_eq!(read_all(&served), (b"a".to_vec(), Some(ErrorKind::WouldBlock)));
    assert!(!chaos.fired());
    client.write_all(b"bc").expect("sent");
    served.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    assert_eq!(read_all(&served), (Vec::new(), None), "cut before that piece");
    assert!(chaos.fired() && chaos.passed_there(Way::Up) == 0);
}
