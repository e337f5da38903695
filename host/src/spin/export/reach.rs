//! What a plugin has and may reach: settings become variables, grants hosts and stores.
//!
//! On a node a setting names a label, and the grant of that label leads somewhere; on Spin the
//! same setting says the address. Where no setting names the label, nobody can tell which one it
//! would be, and that is said.

use super::{
    draft::Draft,
    servers::{Place, of_url},
};
use crate::{
    Config,
    grants::{GrantsConfig, ServerUrl, http::Scheme},
    plugin::{Inspection, PluginConfig},
};
use framedb_core::spin::DEFAULT_STORE;
use std::collections::BTreeMap;
use url::Url;

/// Adds a plugin's settings and grants.
pub(super) fn add(
    draft: &mut Draft,
    config: &Config,
    plugin: &str,
    inspection: &Inspection,
    settings: &PluginConfig,
) {
    for (import, _) in &inspection.imports {
        if import.starts_with("framedb:") && !import.starts_with("framedb:edge/") {
            draft.refuse(format!("plugin `{plugin}` imports `{import}`, which only a node offers"));
        }
    }
    let mut texts = settings.setting_texts();
    let grants = &settings.grants;
    if !(grants.redis.is_empty() && grants.mysql.is_empty() && grants.http.is_empty()) {
        draft.warn(format!(
            "Spin knows hosts, and not what is done there: keys, commands, tables, paths and rates \
             of plugins.{plugin}.grants have no effect, and its logins should have no more rights \
             than it needs"
        ));
    }
    let labels = labels(draft, config, plugin, grants);
    ask_by_name(draft, plugin, grants, &mut texts);
    for (label, url) in labels {
        let mut named = texts.iter_mut().filter(|(_, value)| **value == label);
        let Some((setting, value)) = named.next() else {
            draft.warn(format!(
                "plugin `{plugin}` opens `{label}`, which no setting of its names: on Spin it has \
                 to be given an address by its settings"
            ));
            continue;
        };
        match url {
            Some(url) => *value = url,
            // Its address is a secret, and so is the setting from now on.
            None => {
                let what = format!("The address that plugin `{plugin}` knows as `{label}`");
                let setting = setting.clone();
                draft.secret(&setting, &what);
                texts.remove(&setting);
            }
        }
    }
    for (name, value) in &texts {
        if settings.secret_settings.contains(name) {
            draft.secret(name, &format!("A secret setting of plugin `{plugin}`"));
        } else {
            draft.variable(name, value);
        }
    }
}

/// Writes hosts and ports into the URLs that have the labels of grants in their place.
fn ask_by_name(
    draft: &mut Draft,
    plugin: &str,
    grants: &GrantsConfig,
    texts: &mut BTreeMap<String, String>,
) {
    for (label, grant) in &grants.http {
        let mut found = false;
        for text in texts.values_mut() {
            let led = Url::parse(text).ok().and_then(|url| grant.led(label, &url));
            if let Some(url) = led {
                *text = url.into();
                found = true;
            }
        }
        let host = String::from(grant.host.clone());
        if *label != host && !found {
            draft.warn(format!(
                "plugin `{plugin}` has to ask for `{host}` by its name, not by the label `{label}`"
            ));
        }
    }
}

/// The labels that lead to servers, each with its address where that is no secret.
fn labels(
    draft: &mut Draft,
    config: &Config,
    plugin: &str,
    grants: &GrantsConfig,
) -> Vec<(String, Option<String>)> {
    let mut labels = Vec::new();
    let redis = grants.redis.iter().map(|(label, g)| (label, &g.instance, &g.url));
    let mysql = grants.mysql.iter().map(|(label, g)| (label, &g.instance, &g.url));
    for (label, instance, url) in redis.chain(mysql) {
        let instance = instance.as_ref().and_then(|id| config.instances.get(id));
        let url = instance.map(|known| known.url.as_str()).or(url.as_ref().map(ServerUrl::expose));
        match of_url(url.unwrap_or_default()) {
            Place::Server { host, open } => {
                draft.host(host);
                labels.push((label.clone(), open));
            }
            Place::KeyValue => draft.refuse(format!(
                "plugin `{plugin}` opens `{label}`, which is no server that Spin could connect to"
            )),
            Place::Nowhere(why) => {
                draft.refuse(format!("plugin `{plugin}` opens `{label}`: {why}"));
            }
        }
    }
    for (label, grant) in &grants.key_value {
        let instance = grant.instance.as_ref().and_then(|id| config.instances.get(id));
        match instance.map(|instance| of_url(&instance.url)) {
            None if label == DEFAULT_STORE => draft.store(label),
            // A label that Spin does not know is a store that its runtime configuration describes.
            None => {
                draft.store(label);
                draft.warn(format!(
                    "the key-value store `{label}` of plugin `{plugin}` has to be described in \
                     Spin's runtime configuration"
                ));
            }
            Some(Place::Server { open, .. }) => {
                if open.is_none() {
                    draft.warn(format!(
                        "write the URL of the Redis that keeps the store `{label}` of plugin \
                         `{plugin}` into the runtime configuration: it has a login"
                    ));
                }
                draft.runtime_store(label, open);
            }
            Some(Place::KeyValue) => draft.store(label),
            Some(Place::Nowhere(why)) => {
                draft.refuse(format!("the store `{label}` of plugin `{plugin}`: {why}"));
            }
        }
    }
    for grant in grants.http.values() {
        let host = String::from(grant.host.clone());
        if grant.plaintext_http2 {
            draft.refuse(format!(
                "plugin `{plugin}` speaks HTTP/2 without TLS to `{host}`, and Spin speaks it with \
                 TLS only"
            ));
        }
        if grant.ssl_ca.is_some() {
            draft.warn(format!(
                "Spin is told of the certificates for `{host}` as [[client_tls]] of its runtime \
                 configuration"
            ));
        }
        for scheme in &grant.schemes {
            let usual = if *scheme == Scheme::Https { 443 } else { 80 };
            let ports = if grant.ports.is_empty() { vec![usual] } else { grant.ports.clone() };
            for port in ports {
                draft.host(format!("{}://{host}:{port}", scheme.name()));
            }
        }
    }
    labels
}
