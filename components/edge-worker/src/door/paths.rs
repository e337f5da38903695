//! The paths that the worker has, of the node's, and their description.

use ::http::{Method, StatusCode};
use framedb_core::http::{Answer, json, openapi};

/// A path, without what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// `/objects`.
    Listing,
    /// `/objects/{key}`.
    Object,
    /// `/streams/{queue}`, with what is done to it.
    Stream,
    /// `/framedb/objects` and `/framedb/streams`.
    Collection,
    /// `/framedb/objects/{key}` and `/framedb/streams/{queue}`.
    Entry,
    /// `/healthz`.
    Healthz,
    /// `/readyz`.
    Readyz,
    /// `/health/ping`.
    Ping,
    /// `/version`.
    Version,
    /// `/openapi.json`.
    OpenApi,
}

impl Path {
    /// The path that a raw one is; names in it are not empty.
    pub(super) fn of(raw: &str) -> Option<Self> {
        let known = match raw {
            "/objects" => Self::Listing,
            "/framedb/objects" | "/framedb/streams" => Self::Collection,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/health/ping" => Self::Ping,
            "/version" => Self::Version,
            "/openapi.json" => Self::OpenApi,
            _ => {
                let families = [
                    ("/objects/", Self::Object),
                    ("/streams/", Self::Stream),
                    ("/framedb/objects/", Self::Entry),
                    ("/framedb/streams/", Self::Entry),
                ];
                let named = |family: &str| raw.strip_prefix(family).is_some_and(|n| !n.is_empty());
                return families
                    .into_iter()
                    .find_map(|(family, path)| named(family).then_some(path));
            }
        };
        Some(known)
    }

    /// Whether it takes requests of a method. What can be read can be asked for its headers.
    pub(super) fn takes(self, method: &Method) -> bool {
        let reads = method == Method::GET || method == Method::HEAD;
        let writes = match self {
            Self::Listing => method == Method::PUT || method == Method::POST,
            Self::Object => method == Method::PUT || method == Method::DELETE,
            Self::Stream => method == Method::POST || method == Method::DELETE,
            _ => false,
        };
        reads || writes
    }

    /// The methods of the requests that it takes.
    pub(super) fn methods(self) -> Vec<Method> {
        let all = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
        all.into_iter().filter(|method| self.takes(method)).collect()
    }
}

/// The node's description, of what the worker has.
pub(super) fn described() -> Answer {
    let offers = |path: &str, method: &str| {
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
        let path = path.replace(['{', '}'], "");
        Path::of(&path).zip(method.ok()).is_some_and(|(path, method)| path.takes(&method))
    };
    json(StatusCode::OK, &openapi::described(offers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_names_that_are_not_empty() {
        assert_eq!(Path::of("/objects"), Some(Path::Listing));
        assert_eq!(Path::of("/objects/a/b"), Some(Path::Object));
        assert_eq!(Path::of("/objects/"), None);
        assert_eq!(Path::of("/framedb/objects/a/copy-exists/b"), Some(Path::Entry));
        assert_eq!(Path::of("/global/framedb/instances"), None);
    }

    #[test]
    fn the_description_has_what_the_worker_takes_and_nothing_else() {
        let described: serde_json::Value = serde_json::from_slice(described().body()).unwrap();
        let paths = described["paths"].as_object().unwrap();
        assert!(paths["/objects/{key}"]["put"].is_object());
        assert!(paths["/streams/{queue}/lease"]["post"].is_object());
        assert!(paths["/framedb/objects"].get("post").is_none());
        assert!(paths["/framedb/objects/{key}"]["get"].is_object());
        assert!(!paths.contains_key("/framedb/objects/{key}/update"));
        assert!(!paths.contains_key("/metrics"));
    }
}
