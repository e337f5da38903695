//! `HttpGuard`: which requests a plugin may send over HTTP.
//!
//! A URL is read once, by the rules that browsers follow, and what was read is what is sent:
//! a host in another spelling, a number in place of an address or a path with dots cannot mean
//! one thing here and another one there. A granted name says nothing of where it leads, so
//! every address that it turns out to have is checked as well, and so is every redirect.

mod address;
mod parts;

#[cfg(test)]
mod tests;

use super::{
    AllowedHosts, HttpGrant, Rate, RateConfig, Refusal, Section, pattern::line, refusal::shown,
};
pub use address::Network;
use http::Uri;
use moka::sync::Cache;
pub use parts::{HostPattern, Method, PathPrefix, Scheme};
use std::{collections::BTreeMap, net::IpAddr, path::Path, sync::Arc};
use url::{Host, Url};

/// Bytes of the requests that a guard remembers to have allowed: a service is asked for the same
/// paths over and over.
const REMEMBERED: u64 = 256 << 10;

/// Decides where requests may go.
#[derive(Debug, Clone)]
pub struct HttpGuard {
    plugin: String,
    rules: Vec<Arc<Rule>>,
    /// A list of hosts that decides in place of the rules.
    hosts: Option<AllowedHosts>,
    /// Where requests go that were allowed, by method and URL as the guest wrote them.
    allowed: Cache<String, Destination>,
}

#[derive(Debug)]
struct Rule {
    label: String,
    section: Section,
    grant: HttpGrant,
    rate: Rate,
}

/// Where a request that is allowed goes, once the addresses of its host are checked, too.
#[derive(Debug, Clone)]
pub struct Destination {
    rule: Arc<Rule>,
    url: Arc<Url>,
    uri: Uri,
}

impl HttpGuard {
    pub(super) fn new(plugin: &str, grants: &BTreeMap<String, HttpGrant>) -> Self {
        let rules = grants.iter().map(|(label, grant)| {
            let section = Section::new(plugin, "http", label);
            let rate = Rate::new(section.clone(), grant.rate);
            Arc::new(Rule { label: label.clone(), section, grant: grant.clone(), rate })
        });
        Self {
            plugin: plugin.to_owned(),
            rules: rules.collect(),
            hosts: None,
            allowed: remembered(),
        }
    }

    /// Allows requests to hosts of a list, inner ones too: they are named.
    pub(super) fn to_hosts(component: &str, hosts: AllowedHosts) -> Self {
        let section = Section::new(component, "http", "");
        let rate = Rate::new(section.clone(), RateConfig::default());
        let grant = HttpGrant::anywhere();
        let rule = Arc::new(Rule { label: String::new(), section, grant, rate });
        Self {
            plugin: component.to_owned(),
            rules: vec![rule],
            hosts: Some(hosts),
            allowed: remembered(),
        }
    }

    /// Whether a request may go anywhere; without it, the import is refused at load time.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Decides a request. A host that is a grant's label leads to that grant's host and port.
    ///
    /// # Errors
    ///
    /// When no grant has host, port, scheme, path and method, when the host is an address that
    /// is not public and not named, or when the URL cannot be read.
    pub fn check(&self, method: &str, url: &str) -> Result<Destination, Refusal> {
        let asked = format!("{method} {url}");
        if let Some(destination) = self.allowed.get(&asked) {
            return Ok(destination);
        }
        let url = Url::parse(url).map_err(|cause| {
            Refusal::unreadable(format!("`{}` is not a URL: {cause}", shown(url.as_bytes())))
        })?;
        let destination = self.check_url(method, url)?;
        self.allowed.insert(asked, destination.clone());
        Ok(destination)
    }

    /// Decides where a redirect leads; `location` may be relative.
    ///
    /// # Errors
    ///
    /// As [`HttpGuard::check`]: a redirect is a request like every other one.
    pub fn check_redirect(
        &self,
        from: &Destination,
        method: &str,
        location: &str,
    ) -> Result<Destination, Refusal> {
        let url = from.url.join(location).map_err(|cause| {
            let location = shown(location.as_bytes());
            Refusal::unreadable(format!("cannot follow a redirect to `{location}`: {cause}"))
        })?;
        self.check_url(method, url)
    }

    fn check_url(&self, method: &str, mut url: Url) -> Result<Destination, Refusal> {
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            // Whoever reads `http://granted@other` by other rules would go elsewhere.
            return Err(Refusal::unreadable("a URL with a user in it is not taken"));
        }
        if let (Some(hosts), Some(rule)) = (&self.hosts, self.rules.first()) {
            hosts.check(url.as_str(), Scheme::Http.name()).map_err(super::not_allowed)?;
            return Destination::new(rule, url);
        }
        let labelled =
            self.rules.iter().find_map(|rule| Some((rule, rule.grant.led(&rule.label, &url)?)));
        if let Some((rule, url)) = labelled {
            // A guest reads the label, and not what it leads to.
            rule.check(method, &url, &shown(rule.label.as_bytes()))?;
            return Destination::new(rule, url);
        }
        // The refusal of a grant that has the host says more than that none has all of it.
        let mut refusal = None;
        let host = shown(url.host_str().unwrap_or_default().as_bytes());
        for rule in self.rules.iter().filter(|rule| rule.grant.host.matches(url.host())) {
            match rule.check(method, &url, &host) {
                Ok(()) => return Destination::new(rule, url),
                Err(refused) => refusal = Some(refused),
            }
        }
        Err(refusal.unwrap_or_else(|| self.elsewhere(&url)))
    }

    /// Why no request to a URL can be allowed, whatever it asks for: its host is no grant's. `None`
    /// also where nothing is granted at all.
    #[must_use]
    pub fn leads_nowhere(&self, url: &Url) -> Option<Refusal> {
        let leads = |rule: &Rule| {
            rule.grant.led(&rule.label, url).is_some() || rule.grant.host.matches(url.host())
        };
        let nowhere = self.is_granted() && !self.rules.iter().any(|rule| leads(rule));
        nowhere.then(|| self.elsewhere(url))
    }

    /// The refusal of a URL whose host is no grant's.
    fn elsewhere(&self, url: &Url) -> Refusal {
        let host = shown(url.host_str().unwrap_or_default().as_bytes());
        let label = |rule: &&Arc<Rule>| rule.label == host && rule.grant.host.single().is_some();
        if let (Some(rule), Some(port)) = (self.rules.iter().find(label), url.port()) {
            return rule.section.refuse_always(format!(
                "`{host}:{port}` is not granted: `{host}` is the label of a grant, which says \
                 the port, so leave it out of the URL"
            ));
        }
        let what = format!("requests to `{host}` are not granted");
        let mut lines = format!("host = \"{host}\"");
        if Scheme::of(url) == Some(Scheme::Http) {
            lines.push_str("\nschemes = [\"http\"]");
        }
        if let Some(port) = url.port() {
            lines.push_str(&format!("\nports = [{port}]"));
        }
        Section::new(&self.plugin, "http", "LABEL").refuse(what, lines)
    }
}

impl HttpGrant {
    /// Where a URL leads whose host is the label of this grant: to its host and port.
    pub(crate) fn led(&self, label: &str, url: &Url) -> Option<Url> {
        let host = self.host.single()?;
        if url.port().is_some() || url.host_str() != Some(label) {
            return None;
        }
        let mut url = url.clone();
        url.set_host(Some(&host)).ok()?;
        url.set_port(self.ports.first().copied()).ok()?;
        Some(url)
    }
}

impl Rule {
    /// Decides a request to what the guest called `host`.
    fn check(&self, method: &str, url: &Url, host: &str) -> Result<(), Refusal> {
        let grant = &self.grant;
        let Some(scheme) = Scheme::of(url).filter(|scheme| grant.schemes.contains(scheme)) else {
            let scheme = shown(url.scheme().as_bytes());
            let what = format!("`{scheme}:` to `{host}` is not granted");
            let granted = grant.schemes.iter().map(|scheme| scheme.name());
            return Err(self.section.refuse(what, line("schemes", granted, &scheme)));
        };
        let port = url.port().unwrap_or(scheme.port());
        let granted = match grant.ports.as_slice() {
            [] => port == scheme.port(),
            ports => ports.contains(&port),
        };
        if !granted {
            let what = format!("the port {port} of `{host}` is not granted");
            // Where none is written, that of the scheme is granted.
            let granted = match grant.ports.as_slice() {
                [] => vec![scheme.port()],
                ports => ports.to_vec(),
            };
            let ports: Vec<_> = granted.iter().chain([&port]).map(u16::to_string).collect();
            return Err(self.section.refuse(what, format!("ports = [{}]", ports.join(", "))));
        }
        let never = ["CONNECT", "TRACE", "TRACK"];
        if Method::parse(method).is_err()
            || never.iter().any(|never| never.eq_ignore_ascii_case(method))
        {
            let method = shown(method.as_bytes());
            return Err(self.section.refuse_always(format!("no grant has the method `{method}`")));
        }
        if !grant.methods.is_empty() && !grant.methods.iter().any(|granted| granted.is(method)) {
            let method = shown(method.as_bytes());
            let what = format!("the method {method} to `{host}` is not granted");
            return Err(self.section.refuse(what, line("methods", grant.methods.clone(), &method)));
        }
        if !PathPrefix::any_covers(&grant.paths, url.path()) {
            let path = shown(url.path().as_bytes());
            let what = format!("the path `{path}` of `{host}` is not granted");
            if PathPrefix::try_from(url.path().to_owned()).is_err() {
                let why = "a path like that is granted by one above it";
                return Err(self.section.refuse_always(format!("{what}; {why}")));
            }
            return Err(self.section.refuse(what, line("paths", grant.paths.clone(), &path)));
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            _ => Ok(()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let grant = &self.grant;
        let Some(kind) = address::kind_of(address) else { return Ok(()) };
        if grant.host.is_address(address)
            || grant.private.iter().any(|network| network.contains(address))
        {
            return Ok(());
        }
        // The address of a name is the site's affair: a guest learns what kind it is, not which.
        let what =
            format!("a host of the grant `{}` leads to {kind}", shown(self.label.as_bytes()));
        let refusal = self.section.refuse(what, line("private", self.grant.private.clone(), "…"));
        Err(refusal.with_behind(address.to_string()))
    }
}

fn remembered() -> Cache<String, Destination> {
    let weight = |asked: &String, destination: &Destination| {
        let bytes = asked.len().saturating_add(destination.url.as_str().len().saturating_mul(2));
        u32::try_from(bytes).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(REMEMBERED).weigher(weight).build()
}

impl Destination {
    fn new(rule: &Arc<Rule>, url: Url) -> Result<Self, Refusal> {
        let uri = url.as_str().parse().map_err(|_| {
            Refusal::unreadable(format!("`{}` cannot be asked for", shown(url.as_str().as_bytes())))
        })?;
        Ok(Self { rule: rule.clone(), url: Arc::new(url), uri })
    }

    /// What to ask for: this, and not what the guest wrote.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL as requests have it.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The label of the grant that allows it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.rule.label
    }

    /// The file of certificates to trust in place of the system's.
    #[must_use]
    pub fn ssl_ca(&self) -> Option<&Path> {
        self.rule.grant.ssl_ca.as_deref()
    }

    /// Whether to speak HTTP/2 without TLS.
    #[must_use]
    pub fn plaintext_http2(&self) -> bool {
        self.rule.grant.plaintext_http2 && self.url.scheme() == Scheme::Http.name()
    }

    /// How many requests and bytes there may be in a second.
    #[must_use]
    pub fn rate(&self) -> &Rate {
        &self.rule.rate
    }

    /// Decides over an address that the host turned out to have. Connect to the address that
    /// was checked: a name that is asked for again may lead elsewhere.
    ///
    /// # Errors
    ///
    /// When the address is not public, and the grant does not name its network.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        self.rule.check_address(address)
    }
}

/// For fuzzing: decides a URL, and an address made of the first bytes. It must end.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let grant = "host = '*'\nschemes = ['http', 'https']\npaths = ['/v1']";
    let Ok(grant) = toml::from_str::<HttpGrant>(grant) else { return };
    let guard = HttpGuard::new("fuzz", &BTreeMap::from([("fuzz".to_owned(), grant)]));
    if let Ok(destination) = guard.check("GET", &text) {
        // What was allowed is allowed again as it is sent.
        assert!(guard.check("GET", destination.url().as_str()).is_ok());
        drop(guard.check_redirect(&destination, "GET", &text));
    }
    if let Some((bytes, _)) = data.split_first_chunk::<16>() {
        let _ = address::kind_of(IpAddr::from(*bytes));
    }
}
