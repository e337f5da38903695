//! TLS, to servers that sentinels and clusters name as well.

use crate::{
    engines::eventually,
    redis::{SECRET, open_at, put, refused},
    replicated::{MASTER, Tls},
    server::{RedisServer, free_port},
};

#[tokio::test(flavor = "multi_thread")]
async fn only_certificates_of_a_known_authority_and_for_the_host_are_trusted() {
    let (tls, other) = (Tls::start("localhost", &[]), Tls::start("elsewhere", &[]));
    let at = |tls: &Tls, query: String| format!("rediss://:{SECRET}@localhost:{}{query}", tls.port);
    let named = |tls: &Tls| format!("?ssl-ca={}", tls.authority());
    for (server, query) in [(&tls, String::new()), (&tls, named(&other)), (&other, named(&other))] {
        let error = refused(&at(server, query)).await;
        assert!(error.to_string().contains("certificate is not trusted"), "{}", error.chain());
        assert!(!error.is_temporary() && error.hint().unwrap().contains("ssl-ca"), "{error:?}");
    }
    let error = refused(&at(&tls, format!("?ssl-ca={}.not", tls.authority()))).await;
    assert!(error.to_string().contains("cannot read the certificates"), "{error}");
    assert!(error.to_string().ends_with(".not") && error.hint().unwrap().contains("ssl-ca"));
    // As existing clients write it.
    let url = at(&tls, format!("?ssl_ca_certs={}", tls.authority()));
    put(&open_at(&url.replace(&format!(":{SECRET}@"), "")).await.unwrap(), "a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_of_a_cluster_are_reached_through_tls() {
    let bus = free_port().to_string();
    // Without `tls-cluster`, servers tell the others' plain ports.
    let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--tls-cluster", "yes"];
    let tls = Tls::start("127.0.0.1", &cluster);
    assert_eq!(tls.server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "+OK");
    let host = format!("rediss-cluster://127.0.0.1:{}", tls.port);
    let error = refused(&host).await;
    assert!(error.to_string().contains("certificate is not trusted"), "{}", error.chain());
    let url = format!("{host}?ssl-ca={}", tls.authority());
    eventually(|| async {
        match open_at(&url).await {
            Ok(instance) => put(&instance, "a").await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
    assert_eq!(tls.server.command(&["GET", "a"]), "$1\r\n1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_behind_sentinels_is_reached_through_tls() {
    let tls = Tls::start("127.0.0.1", &[]);
    let port = free_port();
    let mut lines = tls.files().map(|[name, file]| format!("{name} {file}")).to_vec();
    lines.extend([
        format!("tls-port {port}"),
        "tls-auth-clients no".to_owned(),
        "tls-replication yes".to_owned(),
        format!("sentinel monitor {MASTER} 127.0.0.1 {} 1", tls.port),
    ]);
    let sentinel = RedisServer::sentinel(&lines);
    let ca = tls.authority();
    for host in [
        format!("127.0.0.1:{port}/{MASTER}?ssl-ca={ca}"),
        format!("127.0.0.1:{}/{MASTER}?ssl-ca={ca}&sentinel-tls=false", sentinel.port()),
    ] {
        put(&open_at(&format!("rediss-sentinel://{host}")).await.unwrap(), "a").await.unwrap();
    }
    // A password is not sent to a sentinel that cannot keep it.
    let plain = format!("127.0.0.1:{}/{MASTER}?ssl-ca={ca}", sentinel.port());
    let error = refused(&format!("rediss-sentinel://:{SECRET}@{plain}")).await;
    assert!(error.is_temporary(), "{}", error.chain());
}
