//! URLs of instances as direct clients can use them (contract 3.3): those of one server, without
//! what only a node reads.

use crate::{Result, driver::redis::direct_url};
use percent_encoding::percent_decode_str;

/// Parameters that the node's engines have for themselves, and names of files on its machine.
const OWN: [&str; 8] = [
    "ssl-ca",
    "ssl-mode",
    "require_ssl",
    "sentinel-tls",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
];

/// The URL for clients.
///
/// # Errors
///
/// When it is one of sentinels that name no master.
pub(super) async fn client_url(url: &str) -> Result<String> {
    let scheme = url.split(':').next().unwrap_or_default();
    if scheme.ends_with("-sentinel") || scheme.ends_with("-cluster") {
        return Ok(without_own(&direct_url(url).await?));
    }
    Ok(without_own(url))
}

/// The URL without the node's own parameters.
fn without_own(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    // Engines read names of parameters that are escaped, too.
    let is_own = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        OWN.contains(&&*percent_decode_str(name).decode_utf8_lossy())
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_own(pair)).collect();
    match kept.join("&") {
        query if query.is_empty() => place.to_owned(),
        query => format!("{place}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_only_a_node_reads_is_left_out() {
        for (url, expected) in [
            ("redis://:pw@h:1/2", "redis://:pw@h:1/2"),
            ("rediss://h:1?ssl-ca=/etc/ca.pem", "rediss://h:1"),
            ("rediss://h:1?ssl_ca_certs=/ca&socket_timeout=3", "rediss://h:1?socket_timeout=3"),
            ("mysql://h/d?ssl-c%61=/ca", "mysql://h/d"),
            ("unix:///run/s?db=2&password=p", "unix:///run/s?db=2&password=p"),
            (
                "mysql+pymysql://u:p@h:1/d?ssl-mode=required&charset=utf8mb4&ssl-ca=/ca",
                "mysql+pymysql://u:p@h:1/d?charset=utf8mb4",
            ),
        ] {
            assert_eq!(client_url(url).await.unwrap(), expected);
        }
    }
}
