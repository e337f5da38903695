//! What a service's answer means.

use framedb_plugin::http::Incoming;
use http::{HeaderMap, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::BodyExt as _;
use std::time::Duration;

/// Characters of an answer's text that a sender is told.
const MAX_TEXT: usize = 300;

/// Bytes of it that are read, white space included.
const ENOUGH: usize = 8 * MAX_TEXT;

/// What the service says of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may enter.
    Yes,
    /// It may not, for this reason.
    No(String),
    /// The service cannot say at present; it may be asked again after so many nanoseconds.
    Later { reason: String, after: Option<u64> },
}

/// Reads an answer. Of a yes only the head is looked at.
///
/// # Errors
///
/// When its status is none that says anything about the object.
pub(crate) async fn read(response: Response<Incoming>) -> Result<Answer, String> {
    let status = response.status();
    if status.is_success() {
        return Ok(Answer::Yes);
    }
    let after = after(response.headers());
    let text = text(response.into_body()).await;
    let reason = if text.is_empty() { format!("it answered {status}") } else { text };
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Ok(Answer::Later { reason, after })
        }
        status if status.is_client_error() => Ok(Answer::No(reason)),
        status if status.is_redirection() => {
            Err(format!("it answered {status}, and redirects are not followed"))
        }
        status => Err(format!("it answered {status}")),
    }
}

/// The answer's text as one line, cut where it is long; what came of it where it breaks off.
async fn text(mut body: Incoming) -> String {
    let mut text = Vec::new();
    while text.len() < ENOUGH
        && let Some(Ok(frame)) = body.frame().await
    {
        text.extend(frame.into_data().unwrap_or_default());
    }
    line(&String::from_utf8_lossy(&text))
}

fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Nanoseconds to wait, where the answer has seconds; a date is left to the node's backoff.
fn after(headers: &HeaderMap) -> Option<u64> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(u64::try_from(Duration::from_secs(seconds).as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_and_not_too_long() {
        assert_eq!(line(" camera\n  7 is\toff "), "camera 7 is off");
        assert_eq!(line(&"ä".repeat(400)), format!("{}…", "ä".repeat(300)));
        assert_eq!(line("\n"), "");
    }

    #[test]
    fn a_wait_is_read_where_it_is_in_seconds() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(value))])
        };
        assert_eq!(after(&headers("3")), Some(3_000_000_000));
        assert_eq!(after(&headers("Fri, 31 Dec 1999 23:59:59 GMT")), None);
        assert_eq!(after(&headers("99999999999999")), Some(u64::MAX));
        assert_eq!(after(&HeaderMap::new()), None);
    }
}
