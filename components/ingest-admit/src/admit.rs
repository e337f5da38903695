//! The plugin: a request for every object, and what objects are told that have no answer.

use crate::{
    answer::{Answer, read},
    question::question,
    settings::{OnError, Settings},
};
use framedb_plugin::{
    grants::is_not_granted,
    http::{self as requests, Body, Timeout},
    ingest::{Envelope, Ingest, Object, Retry, Verdict},
    log,
};
use futures::{StreamExt as _, stream};
use http::Request;

/// Requests of a batch at once: as many as a service of a few threads likes to see.
const AT_ONCE: usize = 64;

/// Lets objects in that a service says yes to.
#[derive(Debug)]
pub struct Admit {
    settings: Settings,
}

impl Admit {
    /// What the service says of an object.
    async fn ask(&self, envelope: &Envelope<'_>) -> Result<Answer, String> {
        let request = Request::get(question(&self.settings.url, envelope))
            .extension(Timeout(self.settings.timeout()))
            .body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        let response = requests::send(request).await.map_err(|error| error.to_string())?;
        read(response).await
    }

    async fn judge(&self, object: Object<'_>) -> Verdict {
        match self.ask(&object.envelope).await {
            Ok(Answer::Yes) => Verdict::accept(),
            Ok(Answer::No(reason)) => Verdict::reject(format!("not admitted: {reason}")),
            Ok(Answer::Later { reason, after }) => {
                let reason = format!("the service asks to wait: {reason}");
                Verdict::Retry(Retry { reason, after })
            }
            Err(reason) => self.without_answer(&object.envelope, &reason),
        }
    }

    fn without_answer(&self, envelope: &Envelope<'_>, reason: &str) -> Verdict {
        let said = format!("the service has no answer: {reason}");
        match self.settings.on_error {
            OnError::Retry if !is_not_granted(reason) => Verdict::retry(said),
            OnError::Retry | OnError::Reject => Verdict::reject(said),
            OnError::Accept => {
                log::warn(format_args!("{} is let in, and {said}", envelope.key));
                Verdict::accept()
            }
        }
    }
}

impl Ingest for Admit {
    const NAME: &'static str = "admit";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    async fn process(&self, object: Object<'_>) -> Verdict {
        self.judge(object).await
    }

    async fn process_batch(&self, batch: Vec<Object<'_>>) -> Vec<Verdict> {
        let judged = stream::iter(batch).map(|object| self.judge(object));
        judged.buffered(AT_ONCE).collect().await
    }
}
