//! The plugin: one call for a batch, and the fallback where there is no answer.

use crate::{
    messages,
    proto::{PlaceRequest, resolver_client::ResolverClient},
    settings::{Fallback, Settings},
};
use framedb_plugin::{
    grpc::Channel,
    resolve::{Envelope, Kind, Resolve, Verdict},
};

/// Places objects where a service says.
pub struct Grpc {
    channel: Channel,
    fallback: Fallback,
}

impl Grpc {
    /// Asks for a batch; the answers in its order.
    async fn ask(&self, batch: &[Envelope<'_>]) -> Result<Vec<Result<Verdict, String>>, String> {
        let request = PlaceRequest { objects: batch.iter().map(messages::envelope).collect() };
        let asked = ResolverClient::new(self.channel.clone()).place(request).await;
        let answer = asked.map_err(|status| match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        })?;
        let verdicts = answer.into_inner().verdicts;
        if verdicts.len() != batch.len() {
            let (got, sent) = (verdicts.len(), batch.len());
            return Err(format!("it answered {got} verdicts for {sent} objects"));
        }
        Ok(verdicts.into_iter().zip(batch).map(|(v, e)| messages::verdict(v, e)).collect())
    }

    fn without_answer(&self, envelope: &Envelope<'_>, reason: &str) -> Verdict {
        let said = || format!("the service has no answer: {reason}");
        match &self.fallback {
            Fallback::Retry => Verdict::retry(said()),
            Fallback::Reject => Verdict::reject(said()),
            Fallback::Place(framedb_id, kind) => {
                let kind = envelope.kind.or(*kind).unwrap_or(Kind::Storage);
                Verdict::place(framedb_id.clone(), kind)
            }
        }
    }
}

impl Resolve for Grpc {
    const NAME: &'static str = "grpc";
    type Settings = Settings;

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { channel: settings.channel(), fallback: settings.fallback })
    }

    async fn place(&self, envelope: Envelope<'_>) -> Verdict {
        self.place_batch(vec![envelope]).await.pop().unwrap_or_else(|| Verdict::retry("no answer"))
    }

    async fn place_batch(&self, batch: Vec<Envelope<'_>>) -> Vec<Verdict> {
        match self.ask(&batch).await {
            Ok(verdicts) => verdicts
                .into_iter()
                .zip(&batch)
                .map(|(verdict, envelope)| {
                    verdict.unwrap_or_else(|reason| self.without_answer(envelope, &reason))
                })
                .collect(),
            Err(reason) => batch.iter().map(|e| self.without_answer(e, &reason)).collect(),
        }
    }
}
