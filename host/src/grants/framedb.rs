//! `ObjectsGuard` and `StreamsGuard`: which of FrameDB's own objects and queues a plugin may
//! use.

use super::{
    ObjectVerb, ObjectsGrant, Pattern, Rate, Refusal, Section, StreamVerb, StreamsGrant,
    refusal::shown,
};
use std::{collections::BTreeMap, sync::Arc};

/// Decides what may be done with objects: some rule has to have all of it.
#[derive(Debug, Clone)]
pub struct ObjectsGuard {
    section: Section,
    rules: Vec<(ObjectsGrant, Arc<Rate>)>,
}

/// Decides what may be done with queues: some rule has to have all of it.
#[derive(Debug, Clone)]
pub struct StreamsGuard {
    section: Section,
    rules: Vec<(StreamsGrant, Arc<Rate>)>,
}

impl ObjectsGuard {
    pub(super) fn new(plugin: &str, grants: &BTreeMap<String, ObjectsGrant>) -> Self {
        let rules = grants.iter().map(|(label, grant)| {
            let rate = Rate::new(Section::new(plugin, "objects", label), grant.rate);
            (grant.clone(), Arc::new(rate))
        });
        Self { section: Section::new(plugin, "objects", "LABEL"), rules: rules.collect() }
    }

    /// Whether anything may be done at all; without it, the import is refused at load time.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether `verb` may be done with `key` at the instance `id`; the rate that counts it.
    /// For a list, the key is what all keys begin with.
    ///
    /// # Errors
    ///
    /// When no rule has it.
    pub fn check(&self, verb: ObjectVerb, id: &str, key: &str) -> Result<&Rate, Refusal> {
        let has_key = |rule: &ObjectsGrant| match verb {
            ObjectVerb::List => rule.keys.iter().any(|keys| keys.covers(key.as_bytes())),
            _ => Pattern::any_matches(&rule.keys, key.as_bytes()),
        };
        let found = self.rules.iter().find(|(rule, _)| {
            rule.verbs.contains(&verb)
                && Pattern::any_matches(&rule.ids, id.as_bytes())
                && has_key(rule)
        });
        found.map(|(_, rate)| &**rate).ok_or_else(|| {
            let (verb, star) = match verb {
                ObjectVerb::Get => ("get", ""),
                ObjectVerb::Put => ("put", ""),
                ObjectVerb::Delete => ("delete", ""),
                ObjectVerb::List => ("list", "*"),
            };
            let near =
                |(rule, _): &(ObjectsGrant, _)| Pattern::any_matches(&rule.ids, id.as_bytes());
            let near = self.rules.iter().any(near);
            let (id, key) = (shown(id.as_bytes()), shown(key.as_bytes()));
            let refusal = self.section.refuse(
                format!("to {verb} `{key}{star}` at `{id}` is not granted"),
                format!("ids = [\"{id}\"]\nkeys = [\"{key}{star}\"]\nverbs = [\"{verb}\"]"),
            );
            refusal.with_near(near)
        })
    }
}

impl StreamsGuard {
    pub(super) fn new(plugin: &str, grants: &BTreeMap<String, StreamsGrant>) -> Self {
        let rules = grants.iter().map(|(label, grant)| {
            let rate = Rate::new(Section::new(plugin, "streams", label), grant.rate);
            (grant.clone(), Arc::new(rate))
        });
        Self { section: Section::new(plugin, "streams", "LABEL"), rules: rules.collect() }
    }

    /// Whether anything may be done at all; without it, the import is refused at load time.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether `verb` may be done with the queue `name` at the instance `id`, or wherever the
    /// queue is where none is named; the rate that counts it.
    ///
    /// # Errors
    ///
    /// When no rule has it.
    pub fn check(&self, verb: StreamVerb, id: Option<&str>, name: &str) -> Result<&Rate, Refusal> {
        let has_id = |rule: &StreamsGrant| match id {
            _ if rule.ids.is_empty() => true,
            Some(id) => Pattern::any_matches(&rule.ids, id.as_bytes()),
            None => rule.ids.iter().any(Pattern::is_all),
        };
        let found = self.rules.iter().find(|(rule, _)| {
            rule.verbs.contains(&verb)
                && has_id(rule)
                && Pattern::any_matches(&rule.queues, name.as_bytes())
        });
        found.map(|(_, rate)| &**rate).ok_or_else(|| {
            let verb = match verb {
                StreamVerb::Push => "push",
                StreamVerb::Lease => "lease",
                StreamVerb::Length => "length",
            };
            let near = self.rules.iter().any(|(rule, _)| has_id(rule));
            let name = shown(name.as_bytes());
            let (at, ids) = match id.map(|id| shown(id.as_bytes())) {
                Some(id) => (format!(" at `{id}`"), format!("ids = [\"{id}\"]\n")),
                None => Default::default(),
            };
            let refusal = self.section.refuse(
                format!("{verb} of the queue `{name}`{at} is not granted"),
                format!("{ids}queues = [\"{name}\"]\nverbs = [\"{verb}\"]"),
            );
            refusal.with_near(near)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grants, GrantsConfig};
    use super::*;

    fn grants(text: &str) -> Grants {
        Grants::new("p", &toml::from_str::<GrantsConfig>(text).unwrap())
    }

    #[test]
    fn one_rule_has_to_have_verb_instance_and_key() {
        let grants = grants(
            "[objects.a]\nids = ['disk']\nkeys = ['cam/*']\nverbs = ['get', 'list']\n\
             [objects.b]\nids = ['hot']\nkeys = ['*']\nverbs = ['put']\n",
        );
        let objects = grants.objects();
        assert!(objects.check(ObjectVerb::Get, "disk", "cam/1").is_ok());
        assert!(objects.check(ObjectVerb::Put, "hot", "x").is_ok());
        assert!(objects.check(ObjectVerb::Put, "disk", "cam/1").is_err());
        assert!(objects.check(ObjectVerb::Get, "hot", "cam/1").is_err());
        let refusal = objects.check(ObjectVerb::Get, "disk", "door/1").map(drop).unwrap_err();
        let add = "[plugins.p.grants.objects.LABEL]\nids = [\"disk\"]\nkeys = [\"door/1\"]\n\
                   verbs = [\"get\"]";
        assert_eq!(refusal.add().as_deref(), Some(add));
        assert!(refusal.is_near());
        let refusal = objects.check(ObjectVerb::Get, "cold", "door/1").map(drop).unwrap_err();
        assert!(!refusal.is_near());
    }

    #[test]
    fn a_list_needs_all_that_it_could_show() {
        let grants = grants("[objects.a]\nids = ['disk']\nkeys = ['cam/*', 'x']\nverbs = ['list']");
        let list = |start| grants.objects().check(ObjectVerb::List, "disk", start).is_ok();
        assert!(list("cam/") && list("cam/1"));
        assert!(!list("") && !list("cam") && !list("x"));
    }

    #[test]
    fn a_queue_anywhere_needs_a_rule_for_anywhere() {
        let grants = grants(
            "[streams.a]\nqueues = ['jobs']\nverbs = ['push']\n\
             [streams.b]\nids = ['hot']\nqueues = ['frames:*']\nverbs = ['lease']\n",
        );
        let may = |verb, id, name| grants.streams().check(verb, id, name).is_ok();
        assert!(may(StreamVerb::Push, None, "jobs") && may(StreamVerb::Push, Some("x"), "jobs"));
        assert!(may(StreamVerb::Lease, Some("hot"), "frames:1"));
        assert!(!may(StreamVerb::Lease, None, "frames:1"));
        assert!(!may(StreamVerb::Length, None, "jobs"));
        assert!(!may(StreamVerb::Push, None, "jobs2"));
    }
}
