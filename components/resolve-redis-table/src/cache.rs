//! `Cache`: what an instance of the plugin knows of the table, for a while.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Fields that are remembered; a table of more is asked again, which costs time and no memory.
const MOST: usize = 20_000;

/// Values of the table by field; `None` for a field that the table does not have.
#[derive(Debug, Default)]
pub(crate) struct Cache(HashMap<String, (Instant, Option<String>)>);

impl Cache {
    /// Whether a field was asked for within `time`.
    pub(crate) fn is_fresh(&self, field: &str, time: Duration, now: Instant) -> bool {
        let age = |at: &Instant| now.saturating_duration_since(*at);
        self.0.get(field).is_some_and(|(at, _)| age(at) < time)
    }

    /// The value of the first of these fields that had one, however long ago.
    pub(crate) fn first(&self, fields: &[String]) -> Option<&str> {
        fields.iter().find_map(|field| self.0.get(field)?.1.as_deref())
    }

    /// Begins anew where so many more fields are too many. Before a batch asks what is fresh: what
    /// it has found must not go before it is judged.
    pub(crate) fn make_room(&mut self, more: usize) {
        if self.0.len().saturating_add(more) > MOST {
            self.0.clear();
        }
    }

    /// Remembers what the table has.
    pub(crate) fn insert(&mut self, field: String, value: Option<String>, now: Instant) {
        self.0.insert(field, (now, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_fresh_for_a_while_and_known_for_longer() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.insert("a".into(), None, now);
        cache.insert("b".into(), Some("disk".into()), now);
        let second = Duration::from_secs(1);
        assert!(cache.is_fresh("a", second, now) && !cache.is_fresh("c", second, now));
        assert!(!cache.is_fresh("a", second, now + second));
        assert_eq!(cache.first(&["c".into(), "a".into(), "b".into()]), Some("disk"));
    }

    #[test]
    fn a_full_cache_begins_anew() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        for n in 0..MOST {
            cache.insert(n.to_string(), None, now);
        }
        cache.make_room(0);
        assert_eq!(cache.0.len(), MOST);
        cache.make_room(1);
        assert!(cache.0.is_empty());
    }
}
