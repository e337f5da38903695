//! `/openapi.json`: the description of every path; a test holds it against the node's routes.

use serde_json::Value;

/// The description of everything that a node offers.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The description of a part of it: of the methods, in lower case, that `offers` says are there.
#[must_use]
pub fn described(offers: impl Fn(&str, &str) -> bool) -> Value {
    let mut described: Value = serde_json::from_str(OPENAPI).unwrap_or_default();
    let Some(paths) = described.get_mut("paths").and_then(Value::as_object_mut) else {
        return described;
    };
    paths.retain(|path, methods| {
        let Some(methods) = methods.as_object_mut() else { return false };
        // What is beside the methods, parameters for instance, is about all of them.
        methods.retain(|name, _| !METHODS.contains(&name.as_str()) || offers(path, name));
        methods.keys().any(|name| METHODS.contains(&name.as_str()))
    });
    described
}

const METHODS: [&str; 6] = ["get", "put", "post", "head", "delete", "patch"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_described_with_its_parameters_and_nothing_else() {
        let part = described(|path, method| path == "/objects/{key}" && method == "get");
        let paths = part["paths"].as_object().unwrap();
        assert_eq!(paths.len(), 1);
        let object = &paths["/objects/{key}"];
        assert!(object.get("get").is_some() && object.get("put").is_none());
        assert!(part["components"]["schemas"].is_object());
    }
}
