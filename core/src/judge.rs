//! `Judge`: what a plugin's verdicts mean to an object, and how failures name the plugin.

use crate::{
    Attribute, Child, Envelope, Failure, FailureClass, Format, Key, Stage, check_attributes,
    merge_attributes,
};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Parts that one object may be split into.
const MAX_PARTS: usize = 4096;

/// Bytes of a plugin's reason that reach senders and logs.
const MAX_REASON: usize = 1 << 10;

/// Bytes a content type may have.
const MAX_CONTENT_TYPE: usize = 255;

/// When the sender of an object that was tried in vain should try again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A plugin in its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judge<'a> {
    /// Its name.
    pub plugin: &'a str,
    /// What it was asked in.
    pub stage: Stage,
}

/// What a plugin found of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Another content type.
    pub content_type: Option<Arc<str>>,
    /// All attributes from now on, where it added some.
    pub attributes: Option<Arc<[Attribute]>>,
}

impl Judge<'_> {
    /// The plugin refused the object, for this reason.
    #[must_use]
    pub fn rejected(self, reason: &str) -> Failure {
        let Self { plugin, stage } = self;
        let message = format!("plugin `{plugin}` refused the object in {stage}: {}", cut(reason));
        Failure::new(FailureClass::Reject, stage, message)
    }

    /// The plugin placed the object where it cannot be, for which its sender is not to blame.
    #[must_use]
    pub fn misplaced(self, why: Failure) -> Failure {
        let Self { plugin, .. } = self;
        let message = format!("{}; plugin `{plugin}` placed the object so", why.message);
        Failure { message, ..why }
    }

    /// The plugin ended without an answer that could be used.
    #[must_use]
    pub fn failed(self, how: impl fmt::Display) -> Failure {
        let Self { plugin, stage } = self;
        Failure::new(
            FailureClass::Trap,
            stage,
            format!("plugin `{plugin}` failed in {stage}: {how}"),
        )
    }

    /// The plugin answered what the contract does not allow.
    #[must_use]
    pub fn broke_contract(self, how: impl fmt::Display) -> Failure {
        let Self { plugin, stage } = self;
        let message = format!("plugin `{plugin}` broke its contract in {stage}: {how}");
        Failure::new(FailureClass::Trap, stage, message)
    }

    /// The plugin answered more bytes than `settings` allow.
    #[must_use]
    pub fn too_large(self, size: usize, most: u64, settings: &str) -> Failure {
        let Self { plugin, stage } = self;
        let message = format!(
            "plugin `{plugin}` answered {size} bytes in {stage}, more than {most} ({settings})"
        );
        Failure::new(FailureClass::Limit, stage, message)
    }

    /// The format of an answer, one of those that the plugin declared.
    ///
    /// # Errors
    ///
    /// When it did not declare it.
    pub fn declared(self, format: &str, writes: &[Format]) -> Result<Format, Failure> {
        let declared = writes.iter().find(|declared| declared.to_string() == format);
        declared.cloned().ok_or_else(|| {
            let format: String = format.chars().take(80).collect();
            let how = format!("it answered in the format {format:?}, which it does not declare");
            self.broke_contract(how)
        })
    }

    /// The keys of the parts that an object was split into.
    ///
    /// # Errors
    ///
    /// When there are too many parts, or one has an illegal key.
    pub fn part_keys(self, parent: &Key, children: &[Child]) -> Result<Vec<Key>, Failure> {
        if children.len() > MAX_PARTS {
            return Err(self.broke_contract(format_args!(
                "it split an object into {} parts, more than {MAX_PARTS}",
                children.len()
            )));
        }
        let key = |(n, child): (usize, &Child)| {
            let key = match &child.key {
                Some(key) => Key::new(key),
                None => Key::new(&format!("{parent}/{n}")),
            };
            key.map_err(|error| {
                self.broke_contract(format_args!("part {n} has an illegal key: {error}"))
            })
        };
        children.iter().enumerate().map(key).collect()
    }

    /// What the plugin found of an object, beside what is known of it.
    ///
    /// # Errors
    ///
    /// When it breaks a rule; then nothing of it counts.
    pub fn findings(
        self,
        envelope: &Envelope,
        content_type: Option<String>,
        added: Vec<Attribute>,
    ) -> Result<Findings, Failure> {
        if let Some(content_type) = &content_type
            && (content_type.len() > MAX_CONTENT_TYPE || content_type.contains(char::is_control))
        {
            let how = "its content type is not one line of at most 255 bytes";
            return Err(self.broke_contract(how));
        }
        let mut findings =
            Findings { content_type: content_type.map(Into::into), attributes: None };
        if !added.is_empty() {
            let mut attributes = envelope.attributes.to_vec();
            merge_attributes(&mut attributes, added);
            check_attributes(&attributes).map_err(|error| self.broke_contract(error))?;
            findings.attributes = Some(attributes.into());
        }
        Ok(findings)
    }
}

impl Envelope {
    /// The envelope of the `n`th part that the object was split into, under a key of its own.
    #[must_use]
    pub fn part(&self, n: usize, key: Key) -> Self {
        Self { id: format!("{}/{n}", self.id).into(), key, content_type: None, ..self.clone() }
    }

    /// Takes over what a plugin found.
    pub fn learn(&mut self, findings: Findings) {
        if findings.content_type.is_some() {
            self.content_type = findings.content_type;
        }
        if let Some(attributes) = findings.attributes {
            self.attributes = attributes;
        }
    }
}

/// Why an object that plugins split into nothing is not stored.
pub const NO_PARTS: &str = "split into no objects";

/// What a call that did not answer once for each object did.
#[must_use]
pub fn miscounted(answered: usize, expected: usize) -> String {
    format!("it answered {answered} verdicts for {expected} objects")
}

/// The failure of an object that a plugin asked to be tried again until that had to end.
#[must_use]
pub fn gave_up(stage: Stage, attempts: u32, reason: &str, after: Option<Duration>) -> Failure {
    let times = if attempts == 1 { "attempt" } else { "attempts" };
    let message = format!("{stage} gave up after {attempts} {times}: {reason}");
    let mut failure = Failure::new(FailureClass::Retry, stage, message);
    failure.retry_after = Some(after.unwrap_or(TRY_AGAIN));
    failure
}

/// The key that the resolve stage gave an object.
///
/// # Errors
///
/// When it breaks a rule of keys.
pub fn assigned(key: &str) -> Result<Key, Failure> {
    Key::new(key).map_err(|error| {
        let message = format!("the resolve stage assigned the key {key:?}: {error}");
        Failure::new(FailureClass::Invalid, Stage::Resolve, message)
    })
}

/// A plugin's reason, cut to what a message can carry.
#[must_use]
pub fn cut(reason: &str) -> Cow<'_, str> {
    if reason.len() <= MAX_REASON {
        return reason.into();
    }
    let end = (0..=MAX_REASON).rev().find(|n| reason.is_char_boundary(*n)).unwrap_or(0);
    format!("{}…", reason.get(..end).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    const JUDGE: Judge<'_> = Judge { plugin: "inspect", stage: Stage::Ingest };

    fn envelope() -> Envelope {
        Envelope {
            id: "7".into(),
            attempt: 1,
            key: Key::new("k").unwrap(),
            source: "".into(),
            kind: None,
            framedb_id: None,
            content_type: Some("a/b".into()),
            metadata: "".into(),
            attributes: [].into(),
        }
    }

    fn child(key: Option<&str>) -> Child {
        Child {
            key: key.map(Into::into),
            data: Default::default(),
            content_type: None,
            attributes: Vec::new(),
        }
    }

    #[test]
    fn parts_are_named_by_their_plugin_or_numbered() {
        let keys = JUDGE.part_keys(&envelope().key, &[child(None), child(Some("x"))]).unwrap();
        assert_eq!(keys.iter().map(Key::as_str).collect::<Vec<_>>(), ["k/0", "x"]);
        let part = envelope().part(1, keys[1].clone());
        assert_eq!((&*part.id, part.content_type), ("7/1", None));
        let failure = JUDGE.part_keys(&envelope().key, &[child(Some("#"))]).unwrap_err();
        assert!(failure.message.contains("broke its contract in ingest: part 0"), "{failure}");
        let many = vec![child(None); MAX_PARTS + 1];
        assert!(JUDGE.part_keys(&envelope().key, &many).unwrap_err().message.contains("4097"));
    }

    #[test]
    fn what_a_plugin_found_counts_whole_or_not_at_all() {
        let mut envelope = envelope();
        let width = Attribute { name: "width".into(), value: Value::Integer(1) };
        let findings = JUDGE.findings(&envelope, None, vec![width.clone()]).unwrap();
        envelope.learn(findings);
        assert_eq!(envelope.content_type.as_deref(), Some("a/b"));
        assert_eq!(*envelope.attributes, [width]);
        let odd = JUDGE.findings(&envelope, Some("a\nb".into()), Vec::new()).unwrap_err();
        assert!(odd.message.contains("its content type is not one line"), "{odd}");
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"ü".repeat(MAX_REASON)).into_owned();
        assert!(long.len() <= MAX_REASON + "…".len() && long.ends_with("ü…"), "{long}");
    }

    #[test]
    fn a_format_is_one_that_was_declared() {
        let writes = ["lz4/1".parse().unwrap()];
        assert_eq!(JUDGE.declared("lz4/1", &writes).unwrap(), writes[0]);
        assert!(JUDGE.declared("lz4/2", &writes).unwrap_err().message.contains("\"lz4/2\""));
    }
}
