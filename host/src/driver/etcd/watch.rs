//! `Watch`: a stream of changes that notices when it has gone deaf.

use super::{
    Failure, Fault,
    proto::etcdserverpb::{
        WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
        watch_request::RequestUnion,
    },
};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// After how long without an answer the server is asked for one.
const ASK_AFTER: Duration = Duration::from_millis(500);

/// How often it is asked before the watch counts as deaf.
const ASK_AT_MOST: u32 = 4;

/// Changes of the keys of a range, in order.
#[derive(Debug)]
pub(crate) struct Watch {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Watch {
    /// What opens a watch.
    pub(super) fn request(key: Vec<u8>, end: Vec<u8>, revision: i64) -> WatchRequest {
        ask(RequestUnion::CreateRequest(WatchCreateRequest {
            key: key.into(),
            range_end: end.into(),
            start_revision: revision,
            fragment: true,
            ..WatchCreateRequest::default()
        }))
    }

    /// The requests of a stream, beginning with the one that opens the watch, and the way to
    /// send more.
    pub(super) fn requests(
        create: WatchRequest,
    ) -> (mpsc::Sender<WatchRequest>, ReceiverStream<WatchRequest>) {
        let (sender, receiver) = mpsc::channel(2);
        // There is room for it.
        let _ = sender.try_send(create);
        (sender, ReceiverStream::new(receiver))
    }

    pub(super) fn new(
        requests: mpsc::Sender<WatchRequest>,
        answers: Streaming<WatchResponse>,
    ) -> Self {
        Self { requests, answers }
    }

    /// Waits until the watch is open.
    pub(super) async fn created(&mut self) -> Result<(), Failure> {
        while !self.next().await?.created {}
        Ok(())
    }

    /// The next answer, with events or without. It takes two seconds and a half at most: a
    /// server that is alive answers when it is asked to.
    ///
    /// Nothing is lost when this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<WatchResponse, Failure> {
        let mut asked = 0;
        loop {
            match timeout(ASK_AFTER, self.answers.message()).await {
                Ok(Ok(Some(answer))) if answer.canceled => return Err(canceled(&answer)),
                Ok(Ok(Some(answer))) => return Ok(answer),
                Ok(Ok(None)) => return Err(Failure::new(Fault::Broken)),
                Ok(Err(status)) => return Err(status.into()),
                Err(_) if asked == ASK_AT_MOST => return Err(Failure::new(Fault::Silent)),
                Err(_) => {
                    asked += 1;
                    let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
                    // A server that does not take it does not answer either.
                    let _ = self.requests.try_send(ask(progress));
                }
            }
        }
    }
}

fn ask(request: RequestUnion) -> WatchRequest {
    WatchRequest { request_union: Some(request) }
}

/// Why a watch ended.
fn canceled(answer: &WatchResponse) -> Failure {
    let reason = &answer.cancel_reason;
    if answer.compact_revision != 0 {
        Failure::new(Fault::Compacted)
    } else if reason.contains("permission denied") {
        Status::permission_denied(reason).into()
    } else {
        Status::unavailable(reason).into()
    }
}
