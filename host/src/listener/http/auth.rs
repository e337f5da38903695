//! The admin door's token.

use super::problem::Problem;
use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};

/// What requests must carry. Digests are compared, so that the time it takes says nothing of
/// the token.
#[derive(Clone)]
pub(super) struct Token(Arc<[u8]>);

impl Token {
    pub(super) fn new(token: &str) -> Self {
        Self(Sha256::digest(format!("Bearer {token}")).as_slice().into())
    }

    fn opens(&self, authorization: Option<&HeaderValue>) -> bool {
        authorization.is_some_and(|value| Sha256::digest(value.as_bytes()).as_slice() == &*self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Lets requests with the token through.
pub(super) async fn check(State(token): State<Token>, request: Request, next: Next) -> Response {
    if token.opens(request.headers().get(header::AUTHORIZATION)) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "the admin door takes a token")
        .with_hint("it stands in node.json in the data directory, for the node's user alone")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        let token = Token::new("secret");
        let value = |text: &'static str| HeaderValue::from_static(text);
        assert!(token.opens(Some(&value("Bearer secret"))));
        for wrong in ["Bearer secre", "secret", "Bearer ", "Basic secret", ""] {
            assert!(!token.opens(Some(&value(wrong))), "{wrong}");
        }
        assert!(!token.opens(None));
        assert!(!format!("{token:?}").contains("secret"));
    }
}
