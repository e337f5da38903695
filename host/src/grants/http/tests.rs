//! Tricks with addresses, and what a grant means.

use super::*;
use crate::grants::{Grants, GrantsConfig, RefusalKind};

fn guard(text: &str) -> HttpGuard {
    let config: GrantsConfig = toml::from_str(text).unwrap();
    Grants::new("p", &config).http().clone()
}

fn may(guard: &HttpGuard, url: &str) -> bool {
    guard.check("GET", url).is_ok()
}

#[test]
fn a_grant_is_for_its_host_port_scheme_method_and_paths() {
    let guard =
        guard("[http.api]\nhost = 'api.example.com'\npaths = ['/v1', '/open/']\nmethods = ['GET']");
    assert!(may(&guard, "https://api.example.com/v1"));
    assert!(may(&guard, "https://API.Example.com:443/v1/a?b#c"));
    assert!(may(&guard, "https://api.example.com/open/x"));
    for url in [
        "http://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.com/v10",
        "https://api.example.com/open",
        "https://api.example.com/",
        "https://example.com/v1",
        "https://api.example.com.evil.org/v1",
        "https://evil-api.example.com/v1",
        "https://api.example.com./v1",
        "ftp://api.example.com/v1",
        "file:///v1",
        "data:,v1",
    ] {
        assert!(!may(&guard, url), "{url}");
    }
    for method in ["POST", "get", "CONNECT", "TRACE", "", "GET\r\nX: y"] {
        assert!(guard.check(method, "https://api.example.com/v1").is_err(), "{method}");
    }
}

#[test]
fn what_is_sent_is_what_was_checked() {
    let guard = guard("[http.a]\nhost = 'h.example'\npaths = ['/v1']");
    let sent = |url: &str| guard.check("GET", url).unwrap().url().to_string();
    assert_eq!(sent("https://H.example/v1/./a/../b#frag"), "https://h.example/v1/b");
    assert_eq!(sent("ht\ntps://h.exa\tmple/v1"), "https://h.example/v1");
    assert_eq!(sent("https:h.example\\v1"), "https://h.example/v1");
}

#[test]
fn a_path_cannot_climb_out_however_it_is_encoded() {
    let guard = guard("[http.a]\nhost = 'h.example'\npaths = ['/v1']");
    for path in [
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/..%2fadmin",
        "/v1/%2e%2e%2fadmin",
        "/v1/%252e%252e%252fadmin",
        "/v1/%25252e%25252e/admin",
        "/v1/%2525252525252e./admin",
        "/v1/..;/admin",
        "/v1/..%5cadmin",
        "/v1\\..\\admin",
        "/v1/x%00",
    ] {
        assert!(!may(&guard, &format!("https://h.example{path}")), "{path}");
    }
    for path in ["/v1/a%2Fb", "/v1/a..b", "/v1/...", "/v1//x", "/v1/100%25"] {
        assert!(may(&guard, &format!("https://h.example{path}")), "{path}");
    }
}

#[test]
fn a_user_in_a_url_is_not_taken() {
    let guard = guard("[http.a]\nhost = '*'");
    for url in ["https://granted.example@evil.example/", "https://:p@h.example/"] {
        let refusal = guard.check("GET", url).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unreadable, "{url}");
    }
}

#[test]
fn names_below_a_name_are_not_that_name() {
    let guard = guard("[http.a]\nhost = '*.example.com'");
    assert!(may(&guard, "https://a.example.com/") && may(&guard, "https://b.a.example.com/"));
    for url in ["https://example.com/", "https://aexample.com/", "https://.example.com/"] {
        assert!(!may(&guard, url), "{url}");
    }
}

#[test]
fn an_inner_address_is_refused_in_every_spelling() {
    let guard = guard("[http.a]\nhost = '*'\nschemes = ['http']");
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "１２７.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "127.0.0.1.",
        "127.1.",
        "0x7f000001.",
        "granted.example@127.0.0.1",
        "127.0.0.1%2f.granted.example",
        "127.0.0.1%00.granted.example",
    ] {
        assert!(!may(&guard, &format!("http://{host}/")), "{host}");
    }
    assert!(may(&guard, "http://8.8.8.8/"));
}

#[test]
fn every_address_of_a_name_is_checked() {
    let guard = guard("[http.a]\nhost = 'rebind.example'\n[http.b]\nhost = '10.1.2.3'");
    let destination = guard.check("GET", "https://rebind.example/").unwrap();
    destination.check_address("8.8.8.8".parse().unwrap()).unwrap();
    let refusal = destination.check_address("10.1.2.3".parse().unwrap()).unwrap_err();
    assert!(refusal.to_string().contains("a private address"), "{refusal}");
    assert!(!refusal.for_guest().contains("10.1.2.3"), "{refusal}");
    assert!(refusal.add().unwrap().contains("[plugins.p.grants.http.a]\nprivate"));
    // An address that a grant names is granted, and none beside it.
    assert!(may(&guard, "https://10.1.2.3/") && !may(&guard, "https://10.1.2.4/"));
}

#[test]
fn a_name_that_leads_elsewhere_when_it_is_asked_for_again_is_caught() {
    let guard = guard("[http.a]\nhost = '*'\nschemes = ['http']");
    let public = "93.184.216.34".parse().unwrap();
    let inner = ["127.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254", "fd00::1", "0.0.0.0"];
    for name in ["rebind.example", "rebind.example.", "localhost", "LOCALHOST.", "127.0.0.1.x.org"]
    {
        let first = guard.check("GET", &format!("http://{name}/")).unwrap();
        // Whatever it was at first, each address that is connected to is decided by itself.
        first.check_address(public).unwrap();
        let again = guard.check_redirect(&first, "GET", "/again").unwrap();
        for address in inner {
            for destination in [&first, &again] {
                let refusal = destination.check_address(address.parse().unwrap()).unwrap_err();
                assert_eq!(refusal.kind(), RefusalKind::NotGranted, "{name} {address}");
                assert!(!refusal.for_guest().contains(address), "{refusal}");
            }
        }
        first.check_address(public).unwrap();
    }
}

#[test]
fn networks_that_are_named_are_granted() {
    let guard = guard(
        "[http.a]\nhost = 'inner.example'\nprivate = ['10.0.0.0/8']\n\
         [http.b]\nhost = '*'\nprivate = ['0.0.0.0/0', '::/0']",
    );
    let destination = guard.check("GET", "https://inner.example/").unwrap();
    destination.check_address("10.1.2.3".parse().unwrap()).unwrap();
    destination.check_address("127.0.0.1".parse().unwrap()).unwrap_err();
    destination.check_address("64:ff9b::10.1.2.3".parse().unwrap()).unwrap_err();
    assert!(may(&guard, "https://127.0.0.1/"));
}

#[test]
fn a_redirect_is_a_request_like_every_other_one() {
    let guard = guard("[http.a]\nhost = 'h.example'\npaths = ['/v1']");
    let from = guard.check("GET", "https://h.example/v1/a").unwrap();
    let leads = |location| guard.check_redirect(&from, "GET", location);
    assert_eq!(leads("b?c").unwrap().url().as_str(), "https://h.example/v1/b?c");
    for location in [
        "/admin",
        "../admin",
        "//evil.example/v1",
        "http://h.example/v1",
        "https://127.0.0.1/v1",
        "https://169.254.169.254/v1",
        "file:///etc/passwd",
    ] {
        assert!(leads(location).is_err(), "{location}");
    }
}

#[test]
fn a_label_leads_to_the_host_of_its_grant() {
    let guard = guard(
        "[http.routes]\nhost = '10.0.0.7'\nports = [50051]\nschemes = ['http']\n\
         plaintext-http2 = true\n[http.wide]\nhost = '*.example.com'",
    );
    let destination = guard.check("POST", "http://routes/routes.v1.Routes/Find").unwrap();
    assert_eq!(destination.url().as_str(), "http://10.0.0.7:50051/routes.v1.Routes/Find");
    assert!(destination.plaintext_http2());
    assert!(!may(&guard, "https://wide/"));
    let refusal = guard.check("POST", "http://routes:1/").unwrap_err();
    assert!(refusal.to_string().contains("leave it out of the URL"), "{refusal}");
    assert_eq!((refusal.kind(), refusal.add()), (RefusalKind::NotGranted, None));
}

#[test]
fn what_is_to_be_encrypted_is_not_sent_in_the_clear_by_a_label() {
    let guard = guard(
        "[http.clear]\nhost = '10.0.0.7'\nschemes = ['http']\n[http.tls]\nhost = '10.0.0.8'\n\
         [http.both]\nhost = '10.0.0.9'\nschemes = ['http', 'https']",
    );
    for (label, granted, refused) in [("clear", "http", "https"), ("tls", "https", "http")] {
        assert!(may(&guard, &format!("{granted}://{label}/")));
        let refusal = guard.check("GET", &format!("{refused}://{label}/")).unwrap_err();
        assert_eq!(refusal.to_string(), format!("`{refused}:` to `{label}` is not granted"));
        let add =
            format!("[plugins.p.grants.http.{label}]\nschemes = [\"{granted}\", \"{refused}\"]");
        assert_eq!(refusal.add(), Some(add));
    }
    let sent = |url: &str| guard.check("GET", url).unwrap().url().to_string();
    assert_eq!(sent("http://both/"), "http://10.0.0.9/");
    assert_eq!(sent("https://both/"), "https://10.0.0.9/");
}

#[test]
fn what_is_missing_is_said_for_the_grant_that_has_the_host() {
    let guard = guard("[http.a]\nhost = 'h.example'");
    let refusal = guard.check("GET", "https://h.example:8443/").unwrap_err();
    assert_eq!(refusal.add().as_deref(), Some("[plugins.p.grants.http.a]\nports = [443, 8443]"));
    let refusal = guard.check("GET", "https://other.example/").unwrap_err();
    let add = "[plugins.p.grants.http.LABEL]\nhost = \"other.example\"";
    assert_eq!(refusal.add().as_deref(), Some(add));
    let odd = self::guard("[http.a]\nhost = 'h.example'\npaths = ['/v1']");
    let refusal = odd.check("GET", "https://h.example/a%20b").unwrap_err();
    assert!(refusal.add().is_none() && refusal.to_string().contains("one above it"), "{refusal}");
    let refusal = guard.check("GET", "http://other.example:8080/").unwrap_err();
    let more = format!("{add}\nschemes = [\"http\"]\nports = [8080]");
    assert_eq!(refusal.add(), Some(more));
}
