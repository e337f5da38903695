//! `Report`: what became of the objects, a row for each run and class.

use super::{
    client::{Receipts, pb},
    object::{Class, Object, Run},
    table,
};
use indexmap::IndexMap;
use std::{collections::BTreeMap, fmt};

/// What became of all objects.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By the names of run and class, in the order in which they came.
    rows: IndexMap<(&'static str, &'static str), Row>,
    failures: Vec<String>,
    example: Option<String>,
}

/// What became of one run's objects of one class.
#[derive(Debug)]
struct Row {
    run: Run,
    class: Class,
    objects: u64,
    bytes_in: u64,
    bytes_stored: u64,
    stored: u64,
    dropped: u64,
    failed: u64,
    identical: u64,
    /// How many objects each codec wrote; of the empty one, those that are stored as sent.
    codecs: BTreeMap<String, u64>,
    /// Nanoseconds of all stored objects in ingest, resolve, serialize, sink and registration.
    times: [u64; 5],
}

impl Report {
    /// Adds a run: its objects, what the node said of each, and why one did not come back.
    pub(crate) fn add(
        &mut self,
        run: Run,
        objects: &[Object],
        receipts: &Receipts,
        problems: Vec<Option<String>>,
    ) {
        for ((object, receipt), problem) in objects.iter().zip(receipts).zip(problems) {
            let mut failure = problem;
            let class = object.class;
            let row = self.rows.entry((run.name, class.name));
            let row = row.or_insert_with(|| Row::new(run, class));
            row.objects += 1;
            row.bytes_in += object.payload.size();
            match receipt {
                Ok(receipt) => match receipt.outcome() {
                    pb::Outcome::Stored => row.store(receipt, failure.is_none()),
                    pb::Outcome::Dropped => {
                        row.dropped += 1;
                        failure = Some(format!("dropped: {}", receipt.message));
                    }
                    pb::Outcome::Failed | pb::Outcome::DeadLettered | pb::Outcome::Unspecified => {
                        row.failed += 1;
                        failure = Some(refusal(receipt));
                    }
                },
                Err(why) => {
                    row.failed += 1;
                    failure = Some(why.clone());
                }
            }
            match failure {
                Some(why) => self.failures.push(format!("{} ({}): {why}", object.key, run.name)),
                None => self.example = self.example.take().or_else(|| Some(object.key.clone())),
            }
        }
    }

    /// Every object that is not stored as it was sent, with the reason.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> u64 {
        self.rows.values().map(|row| row.objects).sum()
    }

    /// The key of an object that is there.
    pub(crate) fn example(&self) -> &str {
        self.example.as_deref().unwrap_or("KEY")
    }
}

impl Row {
    fn new(run: Run, class: Class) -> Self {
        Self {
            run,
            class,
            objects: 0,
            bytes_in: 0,
            bytes_stored: 0,
            stored: 0,
            dropped: 0,
            failed: 0,
            identical: 0,
            codecs: BTreeMap::new(),
            times: [0; 5],
        }
    }

    fn store(&mut self, receipt: &pb::Receipt, identical: bool) {
        self.stored += 1;
        self.identical += u64::from(identical);
        self.bytes_stored += receipt.stored_size;
        *self.codecs.entry(receipt.codec.clone()).or_default() += 1;
        let times = receipt.times.unwrap_or_default();
        let spent = [times.ingest, times.resolve, times.serialize, times.sink, times.registration];
        for (sum, time) in self.times.iter_mut().zip(spent) {
            *sum += time;
        }
    }

    fn name(&self) -> String {
        format!("{}  {} → {}", self.run.name, self.class.name, self.class.framedb_id)
    }

    fn sizes(&self) -> Vec<String> {
        let ratio = match self.bytes_stored {
            0 => "–".into(),
            stored => format!("{:.2}", self.bytes_in as f64 / stored as f64),
        };
        vec![
            self.name(),
            self.objects.to_string(),
            table::bytes(self.bytes_in),
            table::bytes(self.bytes_stored),
            ratio,
            self.codec(),
            self.verdicts(),
            self.identical.to_string(),
        ]
    }

    fn codec(&self) -> String {
        let name = |codec: &str| if codec.is_empty() { "as sent".into() } else { codec.to_owned() };
        let codecs: Vec<String> = match self.codecs.len() {
            0 => vec!["–".into()],
            1 => self.codecs.keys().map(|codec| name(codec)).collect(),
            _ => self.codecs.iter().map(|(codec, n)| format!("{n} {}", name(codec))).collect(),
        };
        codecs.join(", ")
    }

    fn verdicts(&self) -> String {
        let verdicts =
            [(self.stored, "stored"), (self.dropped, "dropped"), (self.failed, "failed")];
        let given = verdicts.iter().filter(|(number, _)| *number > 0);
        given.map(|(number, verdict)| format!("{number} {verdict}")).collect::<Vec<_>>().join(", ")
    }

    fn means(&self) -> Vec<String> {
        let mean = |sum: u64| match self.stored {
            0 => "–".into(),
            stored => format!("{:.0}", sum as f64 / stored as f64 / 1000.0),
        };
        std::iter::once(self.name()).chain(self.times.map(mean)).collect()
    }
}

fn refusal(receipt: &pb::Receipt) -> String {
    let (class, stage) = match &receipt.failure {
        Some(failure) => (failure.class.as_str(), failure.stage.as_str()),
        None => ("failed", "no stage"),
    };
    format!("{class} in {stage}: {}", receipt.message)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.rows.values().map(Row::sizes).collect();
        let headings = [
            "run  objects → instance",
            "objects",
            "bytes in",
            "bytes stored",
            "ratio",
            "codec",
            "verdicts",
            "identical",
        ];
        writeln!(f, "\n{}", table::lay_out(&headings, &sizes))?;
        let means: Vec<_> = self.rows.values().map(Row::means).collect();
        let headings =
            ["mean µs in each stage", "ingest", "resolve", "serialize", "sink", "registration"];
        write!(f, "{}", table::lay_out(&headings, &means))?;
        writeln!(f, "(an object's time in a stage is that of the batch it travelled in)")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::object::Payload, *};

    fn object(key: &str) -> Object {
        Object {
            key: key.into(),
            key_by_run: false,
            source: "",
            class: Class::SENSORS,
            at: std::time::Duration::ZERO,
            content_type: "",
            metadata: String::new(),
            payload: Payload::Made("0123456789".into()),
        }
    }

    fn receipt(outcome: pb::Outcome, stored_size: u64, codec: &str) -> pb::Receipt {
        pb::Receipt {
            outcome: outcome.into(),
            stored_size,
            codec: codec.into(),
            message: "because".into(),
            times: Some(pb::StageTimes { ingest: 3000, sink: 5000, ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_report_counts_and_names_what_failed() {
        let objects = ["a", "b", "c", "d", "e"].map(object);
        let receipts = vec![
            Ok(receipt(pb::Outcome::Stored, 4, "lz4/1")),
            Ok(receipt(pb::Outcome::Stored, 6, "")),
            Ok(receipt(pb::Outcome::Dropped, 0, "")),
            Ok(receipt(pb::Outcome::Failed, 0, "")),
            Err("the stream broke".into()),
        ];
        let mut report = Report::default();
        let problems = vec![None, Some("other bytes".into()), None, None, None];
        report.add(Run::LZ4, &objects, &receipts, problems);
        assert_eq!(
            report.failures(),
            [
                "b (lz4): other bytes",
                "c (lz4): dropped: because",
                "d (lz4): failed in no stage: because",
                "e (lz4): the stream broke"
            ]
        );
        assert_eq!((report.objects(), report.example()), (5, "a"));
        assert_eq!(
            report.rows[0].sizes(),
            [
                "lz4  sensors → disk",
                "5",
                "50 B",
                "10 B",
                "5.00",
                "1 as sent, 1 lz4/1",
                "2 stored, 1 dropped, 2 failed",
                "1"
            ]
        );
        assert_eq!(report.rows[0].means(), ["lz4  sensors → disk", "3", "0", "0", "5", "0"]);
    }
}
