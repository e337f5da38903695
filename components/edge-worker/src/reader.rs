//! From a key to its payload, and the queues' other end: what the keeper has, decoded.

use crate::{keeper::Length, worker::Worker};
use bytes::Bytes;
use framedb_core::{
    Codec, Decoded, Key, Kind, Route, Stored, cut,
    http::{Problem, objects::Found},
};
use http::StatusCode;
use std::time::Duration;

/// How long a pop holds an element between taking it out and acknowledging it.
const POP_LEASE: Duration = Duration::from_secs(30);

/// An element of a queue, on lease.
#[derive(Debug, Clone)]
pub struct Element {
    /// Its payload.
    pub data: Bytes,
    /// What ends or extends the lease.
    pub token: String,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// The queue's route.
    pub route: Route,
}

impl Worker {
    /// The route of a key that is not gone.
    ///
    /// # Errors
    ///
    /// When the registry fails.
    pub async fn route(&self, key: &Key) -> Result<Option<Route>, Problem> {
        self.keeper.route(key).await.map_err(Problem::of_reading)
    }

    /// Reads an object, and decodes it; `None` when there is none. Of a queue, which is not read so,
    /// there is the route alone.
    ///
    /// # Errors
    ///
    /// When an engine or the registry fails, or nobody here can decode it.
    pub async fn get(&self, key: &Key) -> Result<Option<Found>, Problem> {
        let found = self.keeper.get(key).await.map_err(Problem::of_reading)?;
        let Some(found) = found else { return Ok(None) };
        let keeps_codecs = !self.keeper.frames(found.route.kind);
        let stored = Stored::object(&found.route, found.data, keeps_codecs);
        let foreign = stored.foreign;
        let data = self.payload(key, stored).await?;
        let (framedb_id, kind) = (found.route.framedb_id.clone(), found.route.kind);
        Ok(Some(Found { route: found.route, framedb_id, kind, data, foreign }))
    }

    /// Deletes what has a key; whether there was something.
    ///
    /// # Errors
    ///
    /// When an engine or the registry fails.
    pub async fn delete(&self, key: &Key) -> Result<bool, Problem> {
        self.keeper.delete(key).await.map_err(Problem::of_reading)
    }

    /// Lends out the oldest element of a queue. One that is larger than `most` goes back.
    ///
    /// # Errors
    ///
    /// A conflict where the key is an object's, too large as said; otherwise when an engine or the
    /// registry fails, or nobody here can decode it.
    pub async fn lease(
        &self,
        queue: &Key,
        period: Duration,
        most: Option<usize>,
    ) -> Result<Option<Element>, Problem> {
        let Some(route) = self.queue(queue).await? else { return Ok(None) };
        let leased = self.keeper.lease(queue, period).await.map_err(Problem::of_reading)?;
        let Some(leased) = leased else { return Ok(None) };
        let opened = self.payload(queue, Stored::element(&route, leased.data)).await;
        let opened = opened.and_then(|data| match most.filter(|most| data.len() > *most) {
            Some(most) => {
                let size = data.len();
                let error = format_args!(
                    "the oldest element of `{queue}` has {size} bytes, more than {most}"
                );
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error))
            }
            None => Ok(data),
        });
        match opened {
            Ok(data) => {
                let (token, deliveries) = (leased.token, leased.deliveries);
                Ok(Some(Element { data, token, deliveries, route }))
            }
            Err(problem) => {
                self.keeper.nack(queue, &leased.token).await.map_err(Problem::of_reading)?;
                Err(problem)
            }
        }
    }

    /// Takes the oldest element out of a queue for good: a lease and its acknowledgement.
    ///
    /// # Errors
    ///
    /// As [`Worker::lease`].
    pub async fn pop(&self, queue: &Key, most: Option<usize>) -> Result<Option<Element>, Problem> {
        let Some(element) = self.lease(queue, POP_LEASE, most).await? else { return Ok(None) };
        if self.ack(queue, &element.token).await? {
            return Ok(Some(element));
        }
        let error = format_args!("the lease on the oldest element of `{queue}` ended too early");
        Err(Problem::conflict(error))
    }

    /// Removes a leased element for good; `false` when the lease has ended.
    ///
    /// # Errors
    ///
    /// When the key is an object's, or the engine or the registry fails.
    pub async fn ack(&self, queue: &Key, token: &str) -> Result<bool, Problem> {
        match self.queue(queue).await? {
            Some(_) => self.keeper.ack(queue, token).await.map_err(Problem::of_reading),
            None => Ok(false),
        }
    }

    /// Returns a leased element to the oldest end; `false` when the lease has ended.
    ///
    /// # Errors
    ///
    /// When the key is an object's, or the engine or the registry fails.
    pub async fn nack(&self, queue: &Key, token: &str) -> Result<bool, Problem> {
        match self.queue(queue).await? {
            Some(_) => self.keeper.nack(queue, token).await.map_err(Problem::of_reading),
            None => Ok(false),
        }
    }

    /// Lets a lease end `period` from now; `false` when it has ended.
    ///
    /// # Errors
    ///
    /// When the key is an object's, or the engine or the registry fails.
    pub async fn extend(
        &self,
        queue: &Key,
        token: &str,
        period: Duration,
    ) -> Result<bool, Problem> {
        match self.queue(queue).await? {
            Some(_) => self.keeper.extend(queue, token, period).await.map_err(Problem::of_reading),
            None => Ok(false),
        }
    }

    /// How many elements a queue has.
    ///
    /// # Errors
    ///
    /// When the key is an object's, or the engine or the registry fails.
    pub async fn length(&self, queue: &Key) -> Result<Length, Problem> {
        if self.queue(queue).await?.is_none() {
            return Ok(Length::default());
        }
        let length = self.keeper.length(queue).await.map_err(Problem::of_reading)?;
        Ok(length.unwrap_or_default())
    }

    /// The route of a queue.
    async fn queue(&self, key: &Key) -> Result<Option<Route>, Problem> {
        match self.route(key).await? {
            Some(route) if route.kind != Kind::Stream => {
                Err(Problem::conflict(format_args!("`{key}` is an object, not a queue"))
                    .with_hint("read it with get"))
            }
            route => Ok(route),
        }
    }

    /// The payload that stored bytes turned out to be, or that their codec makes of them: on Spin
    /// the format decides who decodes.
    async fn payload(&self, key: &Key, stored: Stored) -> Result<Bytes, Problem> {
        let Some(Codec { format, digest }) = stored.codec else { return Ok(stored.data) };
        let plugin = self.stages.serialize().await.map_err(Problem::of_reading)?;
        if !plugin.reads.contains(&format) {
            let reads: Vec<_> = plugin.reads.iter().map(ToString::to_string).collect();
            let reads = if reads.is_empty() { "no format".to_owned() } else { reads.join(", ") };
            let error = format_args!(
                "no codec for {format} written by {digest}: the serializer `{}` reads {reads}",
                plugin.name
            );
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin", error)
                .with_hint(format!("compose a serializer in that reads {format}")));
        }
        let failed = |status: StatusCode, class, why: &str| {
            let error = format_args!("cannot decode `{key}` with {format} ({digest}): {why}");
            Problem::new(status, class, error)
        };
        let ours = StatusCode::INTERNAL_SERVER_ERROR;
        match self.stages.decode(key, &format, stored.data).await {
            Ok(Decoded::Bytes(data)) => Ok(data),
            Ok(Decoded::Reject(reason)) => Err(failed(ours, "corrupt", &cut(&reason))),
            Ok(Decoded::Retry(retry)) => {
                let later = StatusCode::SERVICE_UNAVAILABLE;
                Err(failed(later, "unavailable", &cut(&retry.reason)))
            }
            // The bytes may be whole: what failed is the codec.
            Err(failure) => Err(failed(ours, "plugin", &failure.message)),
        }
    }
}
