//! Waiting for conditions, with a deadline.

use std::{fmt::Debug, future::Future, time::Duration};

/// So long that only a stuck test gets there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until the condition is met, and returns what it then is.
///
/// # Panics
///
/// When it is not met in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("it never came to this: {what}"),
    }
}

/// What a future resolves to.
///
/// # Panics
///
/// When it does not resolve in time.
pub async fn within<T: Debug>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("this took too long: {what}"),
    }
}
