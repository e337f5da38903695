//! A name that leads elsewhere when it is asked for again.
//!
//! What the system answers for a name comes from a file of the test here: `libnss_wrapper.so` puts
//! it before the resolver of the node's process.

use framedb_tests::{Operator, fixture_path};
use futures::future::join_all;
use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

const NAME: &str = "rebound.test";

/// Where the name leads first, which is granted, and then.
const GRANTED: Ipv4Addr = Ipv4Addr::LOCALHOST;
const INNER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The server that is granted: it answers one request after the name leads to the other one.
fn answer_once(server: TcpListener, hosts: PathBuf) {
    thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        // At once, not bit by bit: the node may look. It looks again at a file of another second.
        let next = hosts.with_extension("next");
        std::fs::write(&next, format!("{INNER} {NAME}\n")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        File::options().write(true).open(&next).unwrap().set_modified(later).unwrap();
        std::fs::rename(next, hosts).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    });
}

#[tokio::test]
async fn a_name_that_comes_to_lead_inside_is_not_followed_there() {
    let outer = TcpListener::bind((GRANTED, 0)).unwrap();
    let port = outer.local_addr().unwrap().port();
    let inner = TcpListener::bind(SocketAddr::from((INNER, port))).unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = reached.clone();
    thread::spawn(move || {
        while inner.accept().is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let component = fixture_path("evil-dns-rebinding");
    let operator = Operator::new(&format!(
        "[plugins.rebinding]\ncomponent = {component:?}\n\
         [plugins.rebinding.grants.http.own]\nhost = \"{NAME}\"\nports = [{port}]\n\
         schemes = [\"http\"]\nprivate = [\"{GRANTED}\"]\n\
         [pipelines.default]\ningest = [\"rebinding\"]\n",
    ));
    operator.write("hosts", format!("{GRANTED} {NAME}\n"));
    let hosts = operator.path("hosts");
    answer_once(outer, hosts.clone());
    let resolver = [("LD_PRELOAD", "libnss_wrapper.so".as_ref())];
    let node =
        operator.serve_in(resolver.into_iter().chain([("NSS_WRAPPER_HOSTS", hosts.as_os_str())]));
    let http = node.http();
    let order = format!("attack%20{NAME}:{port}");
    let order = [("x-framedb-metadata", &*order)];
    let beside: Vec<_> = (0..15).map(|n| format!("PUT /objects/beside-{n}")).collect();
    let (attack, neighbours) = tokio::join!(
        http.send("PUT /objects/culprit", &order, "payload"),
        join_all(beside.iter().map(|line| http.call(line))),
    );
    let refused = attack.json().to_string();
    assert_eq!(attack.status.as_u16(), 422, "{refused}");
    assert!(refused.contains("a host of the grant `own` leads to a loopback address"), "{refused}");
    assert_eq!(reached.load(Ordering::Relaxed), 0);
    for neighbour in neighbours {
        assert_eq!(neighbour.status.as_u16(), 200, "{neighbour:?}");
    }
}
