//! Spin's key-value stores: an object and its route are one value, so that both become visible
//! together.

use super::{fault::Fault, wait::within};
use bytes::Bytes;
use framedb_core::{Entry, Key, Route};
use spin_sdk::key_value::{Error, Store};
use std::{cell::RefCell, fmt, rc::Rc};

/// A store by its label.
pub(super) struct KeyValue {
    label: String,
    /// Held for a look, never across an await.
    store: RefCell<Option<Rc<Store>>>,
}

impl KeyValue {
    pub(super) fn new(label: String) -> Self {
        Self { label, store: RefCell::default() }
    }

    /// Whether both are the same store.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.label == other.label
    }

    /// A key's value.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Entry>, Fault> {
        let store = self.store().await?;
        match self.answered(within(store.get(Entry::name(key))).await)? {
            Some(value) => Entry::read(value).map(Some).ok_or(Fault::Foreign),
            None => Ok(None),
        }
    }

    /// Stores a route, with the object where it is here.
    pub(super) async fn set(
        &self,
        key: &Key,
        route: &Route,
        data: Option<&Bytes>,
    ) -> Result<(), Fault> {
        let value = Entry::write(route, data.map(|data| &**data)).map_err(|_| Fault::Foreign)?;
        let store = self.store().await?;
        self.answered(within(store.set(Entry::name(key), value)).await)
    }

    /// Deletes a key's value.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let store = self.store().await?;
        self.answered(within(store.delete(Entry::name(key))).await)
    }

    /// Whether it can be used.
    pub(super) async fn ping(&self) -> Result<(), Fault> {
        let store = self.store().await?;
        self.answered(within(store.exists("framedb")).await).map(drop)
    }

    /// The keys that start with a prefix and are behind another one, in byte order. The store
    /// knows no order and no prefixes: it names all of them.
    pub(super) async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Key>, Fault> {
        let store = self.store().await?;
        let listed = within(async {
            let mut names = store.get_keys().await;
            let mut found = Vec::new();
            while let Some(name) = names.next().await {
                let wanted = |key: &Key| {
                    let key = key.as_str();
                    key.starts_with(prefix) && after.is_none_or(|after| key > after)
                };
                found.extend(Entry::key(&name).filter(wanted));
            }
            names.result().await.map(|()| found)
        });
        let mut found = self.answered(listed.await)?;
        found.sort_unstable();
        Ok(found)
    }

    async fn store(&self) -> Result<Rc<Store>, Fault> {
        if let Some(open) = self.store.borrow().clone() {
            return Ok(open);
        }
        let opened = Rc::new(self.answered(within(Store::open(&self.label)).await)?);
        // Of two requests that opened one at the same time, both go on with the first.
        Ok(self.store.borrow_mut().get_or_insert(opened).clone())
    }

    fn answered<T>(&self, answer: Option<Result<T, Error>>) -> Result<T, Fault> {
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(Error::StoreTableFull)) => Err(Fault::Crowded),
            Some(Err(Error::NoSuchStore)) => Err(Fault::Database),
            Some(Err(Error::AccessDenied)) => Err(Fault::Store),
            Some(Err(Error::Other(text))) => Err(Fault::of_store(&text)),
            None => Err(Fault::Late),
        }
    }
}

impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValue").field("label", &self.label).finish_non_exhaustive()
    }
}
