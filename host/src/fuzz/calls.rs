//! What a guest may make of its imports: any sequence of calls, held against the guards.

use crate::{
    DEFAULT_PIPELINE,
    grants::{Grants, GrantsConfig, ObjectVerb, Rate, Refusal, StreamVerb},
};
use std::{
    cell::Cell,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Calls that each grant allows in a second.
const CALLS: usize = 20;

/// A little of everything.
const GRANTS: &str = r#"
    routing = true
    [redis.own]
    url = "redis://127.0.0.1"
    keys = ["own:*"]
    commands = ["read", "write"]
    rate = { calls = 20 }
    [mysql.own]
    url = "mysql://127.0.0.1/d"
    tables = { own = ["select", "insert"] }
    rate = { calls = 20 }
    [key-value.own]
    rate = { calls = 20 }
    [http.own]
    host = "example.com"
    rate = { calls = 20 }
    [objects.own]
    ids = ["memory"]
    keys = ["own/*"]
    verbs = ["get", "put", "delete", "list"]
    rate = { calls = 20 }
    [streams.own]
    ids = ["memory"]
    queues = ["own-*"]
    verbs = ["push", "lease", "length"]
    rate = { calls = 20 }
"#;

/// Makes the calls that the lines of the bytes are: a letter for the capability, then its label
/// and its arguments, with zero bytes between them. No grant lets more calls through than its
/// rate, however they are made.
pub(super) fn fuzz(data: &[u8]) {
    let Some(config) = config() else { return };
    let calls = Calls {
        grants: Grants::new(DEFAULT_PIPELINE, config),
        now: Instant::now(),
        passed: Cell::new(0),
    };
    for line in data.split(|byte| *byte == b'\n') {
        let Some((capability, arguments)) = line.split_first() else { continue };
        let words: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
        let before = calls.passed.get();
        if let Err(refusal) = calls.make(*capability, &words) {
            assert_eq!(calls.passed.get(), before, "a refused call was counted");
            assert!(!refusal.for_guest().is_empty());
        }
    }
    // Six grants, each with a rate of its own.
    assert!(calls.passed.get() <= 6 * CALLS, "{}", calls.passed.get());
}

/// Read once: the bytes are about calls.
fn config() -> Option<&'static GrantsConfig> {
    static CONFIG: OnceLock<Option<GrantsConfig>> = OnceLock::new();
    CONFIG.get_or_init(|| toml::from_str(GRANTS).ok()).as_ref()
}

struct Calls {
    grants: Grants,
    /// All calls come at once.
    now: Instant,
    passed: Cell<usize>,
}

impl Calls {
    fn make(&self, capability: u8, words: &[&[u8]]) -> Result<(), Refusal> {
        let text = |n: usize| String::from_utf8_lossy(words.get(n).copied().unwrap_or_default());
        let bytes = words.iter().map(|word| word.len()).sum();
        match capability {
            b'r' => {
                let granted = self.grants.redis(&text(0))?;
                let command = words.get(1).copied().unwrap_or_default();
                let arguments = words.get(2..).unwrap_or_default();
                granted.guard.as_ref().map(|guard| guard.check(command, arguments)).transpose()?;
                self.take(&granted.rate, bytes)
            }
            b's' => {
                let granted = self.grants.mysql(&text(0))?;
                granted.guard.as_ref().map(|guard| guard.check(&text(1))).transpose()?;
                self.take(&granted.rate, bytes)
            }
            b'k' => {
                let label = text(0);
                let granted = self.grants.key_value(&label)?;
                assert!(!self.grants.bucket_name(&label, &granted.config).is_empty());
                self.take(&granted.rate, bytes)
            }
            b'h' => {
                let destination = self.grants.http().check(&text(0), &text(1))?;
                self.take(destination.rate(), bytes)
            }
            b'g' => self.object(ObjectVerb::Get, &text(0), &text(1), bytes),
            b'p' => self.object(ObjectVerb::Put, &text(0), &text(1), bytes),
            b'd' => self.object(ObjectVerb::Delete, &text(0), &text(1), bytes),
            b'l' => self.object(ObjectVerb::List, &text(0), &text(1), bytes),
            b'u' => self.stream(StreamVerb::Push, &text(0), &text(1), bytes),
            b'e' => self.stream(StreamVerb::Lease, &text(0), &text(1), bytes),
            b'n' => self.stream(StreamVerb::Length, &text(0), &text(1), bytes),
            b'c' => self.grants.clusters(),
            b'o' => self.grants.routing(),
            _ => Ok(()),
        }
    }

    fn object(&self, verb: ObjectVerb, id: &str, key: &str, bytes: usize) -> Result<(), Refusal> {
        let rate = self.grants.objects().check(verb, id, key)?;
        assert!(id == "memory" && key.starts_with("own/"), "{verb:?} {key:?} at {id:?}");
        self.take(rate, bytes)
    }

    fn stream(&self, verb: StreamVerb, id: &str, queue: &str, bytes: usize) -> Result<(), Refusal> {
        let rate = self.grants.streams().check(verb, Some(id), queue)?;
        assert!(id == "memory" && queue.starts_with("own-"), "{verb:?} {queue:?} at {id:?}");
        self.take(rate, bytes)
    }

    fn take(&self, rate: &Rate, bytes: usize) -> Result<(), Refusal> {
        rate.take(bytes, self.now)?;
        rate.received(bytes, self.now + Duration::from_nanos(1));
        self.passed.set(self.passed.get() + 1);
        Ok(())
    }
}
