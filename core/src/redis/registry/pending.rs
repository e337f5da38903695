//! Pending writes: what a worker without a disk has begun, beside the committed route.
//!
//! A node keeps its intents in its data directory. A worker on Spin has none, so its intent is
//! in the registry while its data is on the way. One that is older than [`PENDING_FOR`] was
//! given up: whoever touches the key next settles it, or a node does that sweeps.

use super::rows::{DIGITS, route_of_row};
use crate::{Intent, Key};
use std::time::Duration;

/// After how long a write that has not ended counts as given up. Long beyond the time that any
/// request may take.
pub const PENDING_FOR: Duration = Duration::from_secs(60);

/// What separates the parts of a write; neither names nor JSON have it.
const END: u8 = 0;

/// An intent as a script is given it. Its previous route is left out: the script puts down the
/// one that there is.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn pending_text(intent: &Intent) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Intent { previous: None, ..intent.clone() })
}

/// Reads what the scripts answer for a write; its previous route is the one that it found, and
/// none where that cannot be read: nothing it says can be relied on. `None` when it is no write.
#[must_use]
pub fn intent_of_pending(write: &[u8]) -> Option<Intent> {
    let mut parts = write.splitn(4, |byte| *byte == END);
    let (name, generation) = (parts.next()?, parts.next()?);
    let (intent, row) = (parts.next()?, parts.next()?);
    let mut intent: Intent = serde_json::from_slice(intent).ok()?;
    intent.previous = route_of_row(row).ok();
    let own = generation.len() == DIGITS && Key::from_bytes(name).ok()? == intent.key;
    own.then_some(intent)
}

#[cfg(test)]
mod tests {
    use super::{super::rows::*, *};
    use crate::Route;

    #[test]
    fn a_write_comes_back_with_the_route_that_it_found() {
        let route: Route = serde_json::from_str(
            r#"{"framedb_id":"a","kind":"storage","generation":7,"stored_at":1}"#,
        )
        .unwrap();
        let key = Key::new("a/b").unwrap();
        let previous = Route { generation: 5, ..route.clone() };
        let intent = Intent::new(key, route, b"bytes", Some(previous.clone()));
        let mut write = b"a/b\x0000000000000000000007\0".to_vec();
        write.extend(pending_text(&intent).unwrap());
        write.push(0);
        let alone = intent_of_pending(&write).unwrap();
        assert_eq!(alone.previous, None);
        write.extend(route_row(&previous).unwrap());
        assert_eq!(intent_of_pending(&write), Some(intent));
        write.truncate(write.len() - 1);
        assert_eq!(intent_of_pending(&write), Some(alone), "a damaged row settles as none");
        assert_eq!(intent_of_pending(b"other\x0000000000000000000007\0{}\0"), None);
        assert_eq!(intent_of_pending(b""), None);
    }
}
