//! `KeyStream`: the keys of a bucket as a stream, a page at a time and when the guest reads.

use super::{
    bindings::spin::key_value::key_value::Error,
    buckets::{Call, Opened, Told},
};
use crate::{
    bucket::Page,
    plugin::{state::State, tape::Heard},
};
use futures::future::BoxFuture;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;
use wasmtime::{
    StoreContextMut,
    component::{Destination, StreamProducer, StreamResult, VecBuffer},
};

/// The keys of a bucket. A page counts as a call into a capability.
pub(super) struct KeyStream {
    bucket: Opened,
    next: Next,
    /// Where the guest is told how it ended; empty when it was told.
    end: Option<oneshot::Sender<Result<(), Error>>>,
    heard: Heard,
}

/// What comes next.
enum Next {
    /// The page behind a cursor, the first one without.
    Page(Option<String>),
    /// A page on its way.
    Coming(BoxFuture<'static, Told<Page>>),
    Nothing,
}

impl KeyStream {
    pub(super) fn new(
        bucket: Opened,
        end: oneshot::Sender<Result<(), Error>>,
        heard: Heard,
    ) -> Self {
        Self { bucket, next: Next::Page(None), end: Some(end), heard }
    }

    fn finish(&mut self, how: Result<(), Error>) -> Poll<wasmtime::Result<StreamResult>> {
        self.next = Next::Nothing;
        if let Some(end) = self.end.take() {
            self.heard.end(&how);
            // The guest may have no use for it.
            let _ = end.send(how);
        }
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

impl StreamProducer<State> for KeyStream {
    type Item = String;
    type Buffer = VecBuffer<String>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, String, VecBuffer<String>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        loop {
            match &mut self.next {
                Next::Nothing => return self.finish(Ok(())),
                Next::Page(cursor) => {
                    let cursor = cursor.take();
                    let bytes = cursor.as_ref().map_or(0, String::len);
                    let call = Call::begin_at(store.data_mut(), self.bucket.clone(), bytes)?;
                    let page = async move { call.keys(cursor.as_deref()).await };
                    self.next = Next::Coming(Box::pin(page));
                }
                Next::Coming(page) => match page.as_mut().poll(cx) {
                    Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(why)) => return self.finish(Err(Error::Other(why))),
                    Poll::Ready(Ok(Page { keys, cursor })) => {
                        self.next = cursor.map_or(Next::Nothing, |c| Next::Page(Some(c)));
                        if !keys.is_empty() {
                            self.heard.items(&keys);
                            destination.set_buffer(keys.into());
                            return Poll::Ready(Ok(StreamResult::Completed));
                        }
                    }
                },
            }
        }
    }
}

impl Drop for KeyStream {
    /// A guest that stops reading early has what it wanted.
    fn drop(&mut self) {
        let _ = self.finish(Ok(()));
    }
}
