//! What URLs are read as.

use super::*;

/// The login of a server, as the client has it.
fn login(endpoint: &Endpoint) -> String {
    endpoint.anonymous().map_or_else(|| "nobody".to_owned(), |_| format!("{endpoint}"))
}

fn read(url: &str) -> (Address, Servers) {
    let (address, servers) = Address::parse(url).unwrap();
    assert!(!format!("{address:?} {servers:?}").contains("s3cret"), "{servers:?}");
    (address, servers)
}

#[test]
fn urls_of_one_server_are_read_and_their_secrets_not_shown() {
    let (address, _) = read("redis://me:s3cret@host/4");
    assert_eq!((address.to_string().as_str(), address.database()), ("host:6379", 4));
    let (address, _) = read("unix:///run/redis.sock?db=2&password=s3cret");
    assert_eq!((address.to_string().as_str(), address.database()), ("/run/redis.sock", 2));
    assert_eq!(
        info("unix:///s?password=s3cret").unwrap().redis_settings().password(),
        Some("s3cret")
    );
    let (address, _) = read("rediss://[::1]:7000");
    assert_eq!(address.to_string(), "[::1]:7000");
}

#[test]
fn sentinels_have_their_port_and_the_login_of_the_master() {
    let (address, servers) = read("redis-sentinel://me:s3cret%2F@a,b:7,[::1]/my%20master/3");
    assert_eq!(address.to_string(), "`my master` of the sentinels a:26379,b:7,[::1]:26379");
    let Servers::Sentinel { sentinels, master, login: data } = servers else {
        panic!("no sentinels");
    };
    assert_eq!((master.as_str(), address.database(), data.database()), ("my master", 3, 3));
    assert!(sentinels.iter().all(|s| s.database() == 0 && login(s) == s.to_string()));
    let (address, _) = read("rediss-sentinel://a/m?sentinel-tls=false");
    assert_eq!(
        (address.to_string().as_str(), address.database()),
        ("`m` of the sentinels a:26379", 0)
    );
}

#[test]
fn a_cluster_is_read_from_any_of_its_nodes() {
    let (address, servers) = read("redis-cluster://:s3cret@a,b:7001");
    assert_eq!(address.to_string(), "the cluster of a:6379,b:7001");
    let Servers::Cluster { login: any, seeds } = servers else { panic!("no cluster") };
    assert_eq!(seeds.len(), 2);
    let moved = any.at(&Node::parse("::1:7002").unwrap());
    assert_eq!(login(&moved), "[::1]:7002");
}

#[test]
fn wrong_urls_are_refused_without_being_shown() {
    for url in [
        "redis://:s3cret@/",
        "redis:s3cret",
        "redis://h/s3cret",
        "rediss://h/#insecure",
        "redis://h/-1",
        "redis://:s3cret@h?ssl-ca=/etc/ssl",
        "rediss://:s3cret@h?ssl-ca=/no/such/file",
        "redis-sentinel://:s3cret@h",
        "redis-sentinel://:s3cret@h/",
        "redis-sentinel://:s3cret@h,/m",
        "redis-sentinel://:s3cret@h/m/s3cret",
        "rediss-sentinel://:s3cret@h/m?sentinel-tls=s3cret",
        "rediss-cluster://h/#insecure",
        "redis-cluster://:s3cret@",
    ] {
        let error = Address::parse(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!format!("{error:?}").contains("s3cret"), "{url}");
    }
}

#[test]
fn one_server_of_several_has_a_url_of_its_own() {
    let node = Node::parse("::1:7002").unwrap();
    for (url, expected) in [
        ("redis-sentinel://me:p%40w@a,b:7/m/3", "redis://me:p%40w@[::1]:7002/3"),
        ("rediss-sentinel://a/m?x=1", "rediss://[::1]:7002?x=1"),
        ("redis-cluster://:pw@a,b", "redis://:pw@[::1]:7002"),
        ("rediss-cluster://a/0", "rediss://[::1]:7002/0"),
    ] {
        assert_eq!(at_server(url, &node), expected);
    }
}
