//! Marks: what was seen, when, and in which object.
//!
//! A mark lies under the span of time in which it was made, then what was seen. So an old one is
//! known by its key alone, and where keys are listed in order the oldest come first.

use crate::bucket::Bucket;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    time::Duration,
};

/// Keys that one call asks for; hosts have bounds.
const CHUNK: usize = 1000;

/// Marks made before a page of keys is looked through for old ones. A page has many more keys
/// than that, so that old marks go faster than new ones come.
const PRUNE_AFTER: usize = 64;

/// An object that asks whether it repeats another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject: &'a str,
}

/// The marks within a window.
#[derive(Debug)]
pub(crate) struct Marks {
    window: u64,
    /// How many were to be made since the last page was looked through. A fresh instance looks
    /// through the first one soon, because it may not live long.
    made: Cell<usize>,
    /// Where the next page begins.
    cursor: RefCell<Option<String>>,
}

impl Marks {
    pub(crate) fn new(window: Duration) -> Self {
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { window, made: Cell::new(PRUNE_AFTER - 1), cursor: RefCell::default() }
    }

    /// For each object the id of the other one that it repeats, if it does; those that repeat
    /// nothing are marked. An object never repeats itself, so that it may ask again.
    ///
    /// Of two objects that ask at the same moment in two calls, both may be told that they repeat
    /// nothing.
    pub(crate) fn ask(
        &self,
        bucket: &impl Bucket,
        questions: &[Question<'_>],
        now: u64,
    ) -> Result<Vec<Option<String>>, String> {
        let mut answers = Vec::with_capacity(questions.len());
        for chunk in questions.chunks(CHUNK) {
            self.ask_some(bucket, chunk, now, &mut answers)?;
        }
        Ok(answers)
    }

    fn ask_some(
        &self,
        bucket: &impl Bucket,
        questions: &[Question<'_>],
        now: u64,
        answers: &mut Vec<Option<String>>,
    ) -> Result<(), String> {
        let span = self.span(now);
        let before = span.saturating_sub(self.window);
        let spans = [span, before];
        let keys: Vec<_> = questions
            .iter()
            .flat_map(|question| spans.map(|span| key(span, question.subject)))
            .collect();
        let found = bucket.get(&keys)?;
        let mut seen: HashMap<&str, Vec<String>> = HashMap::new();
        for (question, found) in questions.iter().zip(found.chunks(spans.len())) {
            let marks = found.iter().flatten().filter_map(|mark| read(mark));
            let live = marks.filter(|(at, _)| now.saturating_sub(*at) < self.window);
            seen.insert(question.subject, live.map(|(_, id)| id.to_owned()).collect());
        }
        let mut new = Vec::new();
        for Question { id, subject } in questions {
            let ids = seen.entry(subject).or_default();
            if ids.is_empty() {
                ids.push((*id).to_owned());
                new.push((key(span, subject), format!("{now} {id}").into_bytes()));
            }
            let own = ids.iter().any(|seen| seen == id);
            answers.push(if own { None } else { ids.first().cloned() });
        }
        if new.is_empty() {
            return Ok(());
        }
        self.made.set(self.made.get().saturating_add(new.len()));
        let set = bucket.set(&new);
        if set.is_err() {
            self.made.set(PRUNE_AFTER);
        }
        set
    }

    /// Removes some of the marks that are too old to count, when it is time for it.
    pub(crate) fn prune(&self, bucket: &impl Bucket, now: u64) -> Result<(), String> {
        if self.made.get() < PRUNE_AFTER {
            return Ok(());
        }
        self.made.set(0);
        let (keys, next) = bucket.keys(self.cursor.take().as_deref())?;
        let oldest = self.span(now).saturating_sub(self.window);
        let old = |key: &String| started(key).is_some_and(|start| start < oldest);
        let old: Vec<_> = keys.into_iter().filter(old).collect();
        if !old.is_empty() {
            bucket.delete(&old)?;
        }
        self.cursor.replace(next);
        Ok(())
    }

    /// When the span of time began that a moment is in. Spans are as long as the window, so that
    /// marks that count are in the present one or the one before.
    fn span(&self, now: u64) -> u64 {
        now - now % self.window
    }
}

fn key(span: u64, subject: &str) -> String {
    format!("{span:016x}.{subject}")
}

/// When the span of a mark began.
fn started(key: &str) -> Option<u64> {
    u64::from_str_radix(key.split_once('.')?.0, 16).ok()
}

/// When a mark was made, and by which object.
fn read(mark: &[u8]) -> Option<(u64, &str)> {
    let (at, id) = std::str::from_utf8(mark).ok()?.split_once(' ')?;
    Some((at.parse().ok()?, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A bucket in memory, which counts calls and lists pages of ten.
    #[derive(Default)]
    struct Memory {
        values: RefCell<BTreeMap<String, Vec<u8>>>,
        calls: Cell<usize>,
    }

    impl Memory {
        fn count(&self) {
            self.calls.set(self.calls.get() + 1);
        }
    }

    impl Bucket for Memory {
        fn get(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
            self.count();
            Ok(keys.iter().map(|key| self.values.borrow().get(key).cloned()).collect())
        }

        fn set(&self, entries: &[(String, Vec<u8>)]) -> Result<(), String> {
            self.count();
            self.values.borrow_mut().extend(entries.iter().cloned());
            Ok(())
        }

        fn delete(&self, keys: &[String]) -> Result<(), String> {
            self.count();
            self.values.borrow_mut().retain(|key, _| !keys.contains(key));
            Ok(())
        }

        fn keys(&self, cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), String> {
            self.count();
            let values = self.values.borrow();
            let behind = |key: &&String| cursor.is_none_or(|cursor| key.as_str() > cursor);
            let page: Vec<_> = values.keys().filter(behind).take(10).cloned().collect();
            let next = page.last().filter(|_| page.len() == 10).cloned();
            Ok((page, next))
        }
    }

    const WINDOW: u64 = 1000;

    fn marks() -> Marks {
        Marks::new(Duration::from_millis(WINDOW))
    }

    fn ask(marks: &Marks, bucket: &Memory, id: &str, subject: &str, now: u64) -> Option<String> {
        let question = Question { id, subject };
        marks.ask(bucket, &[question], now).unwrap().pop().unwrap()
    }

    #[test]
    fn another_object_within_the_window_is_a_repetition() {
        let (marks, bucket) = (marks(), Memory::default());
        for (id, now, repeats) in [
            ("a", 10_500, None),
            ("b", 10_501, Some("a")),
            // The next span of time, and still within the window.
            ("c", 11_499, Some("a")),
            ("d", 11_500, None),
            ("e", 12_499, Some("d")),
            ("f", 20_000, None),
        ] {
            assert_eq!(ask(&marks, &bucket, id, "s", now).as_deref(), repeats, "{id}");
        }
        assert_eq!(ask(&marks, &bucket, "g", "other", 20_000), None);
    }

    #[test]
    fn an_object_never_repeats_itself() {
        let (marks, bucket) = (marks(), Memory::default());
        for now in [10_500, 10_501, 11_400] {
            assert_eq!(ask(&marks, &bucket, "a", "s", now), None, "at {now}");
        }
        assert_eq!(ask(&marks, &bucket, "b", "s", 11_400).as_deref(), Some("a"));
        // Another instance, which asks for the first time.
        assert_eq!(ask(&self::marks(), &bucket, "a", "s", 11_450), None);
    }

    #[test]
    fn the_first_of_a_batch_is_kept_and_a_batch_costs_two_calls() {
        let (marks, bucket) = (marks(), Memory::default());
        let ids: Vec<_> = (0..300).map(|n| n.to_string()).collect();
        let subjects: Vec<_> = (0..300).map(|n| (n % 100).to_string()).collect();
        let pairs = ids.iter().zip(&subjects);
        let questions: Vec<_> = pairs.map(|(id, subject)| Question { id, subject }).collect();
        let answers = marks.ask(&bucket, &questions, 5).unwrap();
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer, &(n >= 100).then(|| (n % 100).to_string()), "{n}");
        }
        assert_eq!(bucket.calls.get(), 2);
    }

    #[test]
    fn marks_that_no_longer_count_go_page_by_page() {
        let (marks, bucket) = (marks(), Memory::default());
        let mut now = 10_000;
        for n in 0..100 {
            ask(&marks, &bucket, "a", &format!("old {n}"), now);
        }
        now += 2 * WINDOW;
        for n in 0..64 * 30 {
            ask(&marks, &bucket, "a", &format!("new {}", n % 70), now + n / 70 * 2 * WINDOW);
            marks.prune(&bucket, now + n / 70 * 2 * WINDOW).unwrap();
        }
        let left = bucket.values.borrow();
        assert!(!left.keys().any(|key| key.contains("old")), "{}", left.len());
    }

    #[test]
    fn a_mark_that_counts_is_not_removed() {
        let (marks, bucket) = (marks(), Memory::default());
        for n in 0..64 {
            ask(&marks, &bucket, "a", &n.to_string(), 10_999);
        }
        marks.made.set(PRUNE_AFTER);
        marks.prune(&bucket, 11_998).unwrap();
        assert_eq!(bucket.values.borrow().len(), 64);
        assert_eq!(ask(&marks, &bucket, "b", "0", 11_998).as_deref(), Some("a"));
    }
}
