//! The bucket that keeps marks: `wasi:keyvalue`.

use crate::bindings::wasi::keyvalue::{
    batch,
    store::{self, Error},
};

/// Values under keys; what of `wasi:keyvalue` the plugin needs.
pub(crate) trait Bucket {
    fn get(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String>;
    fn set(&self, entries: &[(String, Vec<u8>)]) -> Result<(), String>;
    fn delete(&self, keys: &[String]) -> Result<(), String>;
    /// A page of keys, and what leads to the next one.
    fn keys(&self, cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), String>;
}

/// The bucket of a host.
pub(crate) struct HostBucket {
    label: String,
    bucket: store::Bucket,
}

impl HostBucket {
    /// Opens the bucket of this label.
    pub(crate) fn open(label: &str) -> Result<Self, String> {
        let bucket = store::open(label).map_err(|error| told(label, error))?;
        Ok(Self { label: label.into(), bucket })
    }

    fn told<T>(&self, answer: Result<T, Error>) -> Result<T, String> {
        answer.map_err(|error| told(&self.label, error))
    }
}

fn told(label: &str, error: Error) -> String {
    match error {
        Error::NoSuchStore => format!("there is no bucket `{label}`"),
        Error::AccessDenied => format!("the bucket `{label}` is not granted"),
        Error::Other(text) => text,
    }
}

impl Bucket for HostBucket {
    fn get(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let found = self.told(batch::get_many(&self.bucket, keys))?;
        // Hosts may leave absent keys out, or answer in another order.
        if found.len() == keys.len() && found.iter().zip(keys).all(|((name, _), key)| name == key) {
            return Ok(found.into_iter().map(|(_, value)| value).collect());
        }
        let mut found: std::collections::HashMap<_, _> = found.into_iter().collect();
        Ok(keys.iter().map(|key| found.remove(key).flatten()).collect())
    }

    fn set(&self, entries: &[(String, Vec<u8>)]) -> Result<(), String> {
        self.told(batch::set_many(&self.bucket, entries))
    }

    fn delete(&self, keys: &[String]) -> Result<(), String> {
        self.told(batch::delete_many(&self.bucket, keys))
    }

    fn keys(&self, cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), String> {
        let page = self.told(self.bucket.list_keys(cursor))?;
        Ok((page.keys, page.cursor))
    }
}
