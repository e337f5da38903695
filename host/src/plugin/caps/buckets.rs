//! What `wasi:keyvalue` and `spin:key-value` have in common: buckets behind labels, and calls
//! that are counted, decided and given up in time.

use crate::{
    ErrorKind,
    bucket::{self, Bucket, BucketError, Page, Swapped},
    grants::{Granted, KeyValueGrant},
    plugin::{access::Access, state::State},
};
use bytes::Bytes;
use std::{sync::Arc, time::Instant};
use tokio::{sync::OnceCell, time::timeout_at};
use wasmtime::component::Resource;

/// The name of the capability in events and metrics.
const CAPABILITY: &str = "key-value";

/// What a guest reads of a call that failed: words that hold no address.
pub(super) type Told<T> = Result<T, String>;

/// A label that a plugin has opened. What keeps the bucket is opened when it is first used.
#[derive(Clone)]
#[allow(unreachable_pub, reason = "generated code names it in public")]
pub struct Opened(Arc<Label>);

struct Label {
    label: String,
    granted: Arc<Granted<KeyValueGrant, ()>>,
    access: Arc<Access>,
    bucket: OnceCell<Arc<dyn Bucket>>,
}

impl Opened {
    /// Opens a label that is granted, as one of the guest's handles.
    ///
    /// # Errors
    ///
    /// When the call is one too many: then it ends.
    pub(super) fn open(state: &mut State, label: String) -> wasmtime::Result<Open> {
        state.begin()?;
        let granted = match state.access.grants().key_value(&label) {
            Ok(granted) => granted,
            Err(refusal) => {
                return Ok(Open::Refused(state.access.refused(CAPABILITY, &refusal)));
            }
        };
        let access = state.access.clone();
        let opened = Self(Arc::new(Label { label, granted, access, bucket: OnceCell::new() }));
        Ok(state.table.push(opened).map_or(Open::TooMany, Open::Handle))
    }
}

/// What became of opening a label.
pub(super) enum Open {
    Handle(Resource<Opened>),
    Refused(String),
    /// The guest holds as many handles as it may.
    TooMany,
}

/// The text of a guest that holds too many handles.
pub(super) const TOO_MANY: &str =
    "too many handles are open: close some, or raise the plugin's limit `handles`";

/// A call into a bucket, which was counted, and refused where it may not be made.
pub(super) struct Call {
    opened: Opened,
    until: tokio::time::Instant,
    permitted: Told<()>,
}

impl Call {
    /// Begins a call that sends so many bytes.
    ///
    /// # Errors
    ///
    /// When the handle is none, or the call is one too many: then it ends.
    pub(super) fn begin(
        state: &mut State,
        bucket: &Resource<Opened>,
        bytes: usize,
    ) -> wasmtime::Result<Self> {
        let opened = state.table.get(bucket)?.clone();
        Self::begin_at(state, opened, bytes)
    }

    /// As [`Call::begin`].
    pub(super) fn begin_at(
        state: &mut State,
        opened: Opened,
        bytes: usize,
    ) -> wasmtime::Result<Self> {
        state.begin()?;
        let permitted = opened.0.granted.rate.take(bytes, Instant::now());
        let permitted = permitted.map_err(|refusal| state.access.refused(CAPABILITY, &refusal));
        Ok(Self { opened, until: state.wait_until(), permitted })
    }

    /// The bucket that it goes to.
    pub(super) fn opened(&self) -> &Opened {
        &self.opened
    }

    pub(super) async fn get_one(&self, key: String) -> Told<Option<Bytes>> {
        Ok(self.get(&[key]).await?.pop().flatten())
    }

    pub(super) async fn get(&self, keys: &[String]) -> Told<Vec<Option<Bytes>>> {
        let values = self.run(async { self.bucket().await?.get(keys).await }).await?;
        self.received(values.iter().flatten().map(Bytes::len).sum());
        Ok(values)
    }

    pub(super) async fn set(&self, entries: Vec<(String, Vec<u8>)>) -> Told<()> {
        let entries = entries.into_iter().map(|(key, value)| (key, value.into())).collect();
        self.run(async { self.bucket().await?.set(entries).await }).await
    }

    pub(super) async fn delete(&self, keys: &[String]) -> Told<()> {
        self.run(async { self.bucket().await?.delete(keys).await }).await
    }

    pub(super) async fn exists(&self, key: &str) -> Told<bool> {
        self.run(async { self.bucket().await?.exists(key).await }).await
    }

    pub(super) async fn keys(&self, cursor: Option<&str>) -> Told<Page> {
        let page = self.run(async { self.bucket().await?.keys(cursor).await }).await?;
        self.received(page.keys.iter().map(String::len).sum());
        Ok(page)
    }

    pub(super) async fn increment(&self, key: &str, delta: i64) -> Told<i64> {
        self.run(async { self.bucket().await?.increment(key, delta).await }).await
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<Bytes>,
        value: Vec<u8>,
    ) -> Told<Swapped> {
        let swap = async { self.bucket().await?.swap(key, expected, value.into()).await };
        let swapped = self.run(swap).await?;
        if let Swapped::Changed(Some(found)) = &swapped {
            self.received(found.len());
        }
        Ok(swapped)
    }

    /// Waits for what a bucket answers, until the guest has to hear of it.
    async fn run<T>(&self, work: impl Future<Output = bucket::Result<T>>) -> Told<T> {
        self.permitted.clone()?;
        let label = &self.opened.0.label;
        let failed = |why: &str| Err(format!("cannot use the bucket `{label}`: {why}"));
        match timeout_at(self.until, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(BucketError::Refused(why))) => failed(&why),
            Ok(Err(BucketError::Failed(error))) => {
                tracing::warn!(label, error = error.chain(), "a bucket cannot be used");
                failed(match error.kind() {
                    ErrorKind::Full => "what keeps it is full",
                    ErrorKind::Conflict => "its place is taken by something else",
                    ErrorKind::Denied | ErrorKind::Config => "the node may not use it",
                    ErrorKind::Corrupt => "what it holds cannot be read",
                    _ => "what keeps it does not answer",
                })
            }
            Err(_) => failed("what keeps it does not answer in time"),
        }
    }

    fn received(&self, bytes: usize) {
        self.opened.0.granted.rate.received(bytes, Instant::now());
    }

    async fn bucket(&self) -> bucket::Result<&dyn Bucket> {
        let Label { label, granted, access, bucket } = &*self.opened.0;
        let open = || async {
            let (grants, environment) = (access.grants(), access.environment());
            let name = grants.bucket_name(label, &granted.config);
            Ok::<_, BucketError>(match grants.names_addresses() {
                true => environment.store(&name).await?,
                false => environment.bucket(&name, &granted.config).await?,
            })
        };
        Ok(bucket.get_or_try_init(open).await?.as_ref())
    }
}
