//! The plugin: what becomes of an object that repeats another one.

use crate::{
    bucket::HostBucket,
    marks::{Marks, Question},
    settings::Settings,
    subject::subject,
};
use framedb_plugin::{
    ingest::{Ingest, Object, Verdict},
    log,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Drops repetitions.
#[derive(Debug)]
pub struct Dedup {
    settings: Settings,
    marks: Marks,
}

impl Dedup {
    /// For each object the id of the one that it repeats.
    fn ask(&self, questions: &[Question<'_>]) -> Result<Vec<Option<String>>, String> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let bucket = HostBucket::open(&self.settings.bucket)?;
        let answers = self.marks.ask(&bucket, questions, now);
        // Also when they could not be made: a full bucket has room again after that.
        if let Err(why) = self.marks.prune(&bucket, now) {
            log::warn(format_args!("old marks stay for now: {why}"));
        }
        answers
    }
}

impl Ingest for Dedup {
    const NAME: &'static str = "dedup";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.window.is_zero() {
            return Err("dedup_window is zero: nothing would ever be seen".into());
        }
        // A label that is not granted is found when the plugin is loaded.
        #[cfg(target_family = "wasm")]
        HostBucket::open(&settings.bucket)?;
        Ok(Self { marks: Marks::new(settings.window), settings })
    }

    async fn process(&self, object: Object<'_>) -> Verdict {
        let verdict = self.process_batch(vec![object]).await.pop();
        verdict.unwrap_or_else(Verdict::accept)
    }

    async fn process_batch(&self, batch: Vec<Object<'_>>) -> Vec<Verdict> {
        let subjects: Vec<_> =
            batch.iter().map(|object| subject(&self.settings.by, object)).collect();
        let pairs = batch.iter().zip(&subjects);
        let questions: Vec<_> = pairs
            .filter_map(|(object, subject)| {
                Some(Question { id: object.envelope.id, subject: subject.as_deref()? })
            })
            .collect();
        if questions.is_empty() {
            return batch.iter().map(|_| Verdict::accept()).collect();
        }
        let answers = match self.ask(&questions) {
            Ok(answers) => answers,
            Err(why) => {
                let number = questions.len();
                log::warn(format_args!("{number} objects pass without being compared: {why}"));
                vec![None; number]
            }
        };
        let mut answers = answers.into_iter();
        let verdict = |subject: &Option<String>| {
            let repeats = subject.as_ref().and_then(|_| answers.next()).flatten();
            repeats.map_or_else(Verdict::accept, |other| {
                Verdict::drop(format!("a repetition of the object with the id {other}"))
            })
        };
        subjects.iter().map(verdict).collect()
    }
}
