//! The reference of every configuration key, from the types that read it.

use framedb_host::Config;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Every key with what it is, its type and its default, as Markdown.
pub(super) fn reference() -> String {
    let schema = Value::from(schemars::schema_for!(Config));
    let mut text = String::from(
        "# Configuration\n\n\
         `framedb.toml`, given with `--config` or `FRAMEDB_CONFIG`. Every key has a default: an \
         empty file is a node with embedded stores and the built-in plugins. Flags win over \
         variables, variables over the file; the flag `--data-dir`, the variable \
         `FRAMEDB_DATA_DIR` and the key `data-dir` are one setting. Sizes are written as \
         `\"64 MiB\"`, times as `\"30s\"`, and `framedb check` says what is wrong with a file.\n",
    );
    let definitions = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&definitions);
    let top = Section {
        path: String::new(),
        schema: &schema,
        defaults: schema.get("default"),
        entries: None,
    };
    top.write(definitions, &mut text);
    text
}

/// A table of the file.
struct Section<'a> {
    /// Its name in the file; empty for the top.
    path: String,
    schema: &'a Value,
    /// The defaults of its keys, where its parent knows better than its own type.
    defaults: Option<&'a Value>,
    /// The tables of this kind that are there by default.
    entries: Option<&'a Value>,
}

impl Section<'_> {
    fn write(&self, definitions: &Map<String, Value>, text: &mut String) {
        let Some(properties) = self.schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let (heading, about) = if self.path.is_empty() {
            ("Top level".to_owned(), "")
        } else {
            (format!("`[{}]`", self.path), description(self.schema))
        };
        // A type's comment begins with its own name in the file, which the heading has.
        let about = match about.split_once("`: ") {
            Some((start, rest)) if start.starts_with("`[") => capital(rest),
            _ => about.to_owned(),
        };
        let _ = write!(text, "\n## {heading}\n");
        if !self.path.is_empty() && !about.is_empty() {
            let _ = write!(text, "\n{}\n", cell(&about));
        }
        let _ = writeln!(text, "\n| Key | Type | Default | What it is |\n|---|---|---|---|");
        let mut tables = Vec::new();
        for (name, property) in properties {
            let own = property.get("default");
            let default = self.defaults.and_then(|all| all.get(name)).or(own);
            let (target, suffix) = target(property, definitions);
            if target.get("properties").is_some() {
                let path = match self.path.as_str() {
                    "" => format!("{name}{suffix}"),
                    path => format!("{path}.{name}{suffix}"),
                };
                let what = description(property);
                let _ = writeln!(text, "| `{name}` | table | see `[{path}]` | {} |", cell(what));
                let (defaults, entries) =
                    if suffix.is_empty() { (default, None) } else { (None, default) };
                tables.push(Section { path, schema: target, defaults, entries });
            } else {
                let what = match description(property) {
                    "" => description(target),
                    what => what,
                };
                let _ = writeln!(
                    text,
                    "| `{name}` | {} | {} | {} |",
                    kind(target),
                    self.default(name, default),
                    cell(what)
                );
            }
        }
        self.write_entries(properties, text);
        for table in tables {
            table.write(definitions, text);
        }
    }

    /// What is there without a file, by the keys that are not at their defaults.
    fn write_entries(&self, properties: &Map<String, Value>, text: &mut String) {
        let Some(entries) = self.entries.and_then(Value::as_object) else { return };
        if entries.is_empty() {
            return;
        }
        let _ = write!(text, "\nThere by default:\n\n```toml\n");
        for (name, entry) in entries {
            let _ = writeln!(text, "[{}]", self.path.replace("NAME", name));
            for (key, value) in entry.as_object().into_iter().flatten() {
                let property = properties.get(key);
                let plain = property.and_then(|property| property.get("default"));
                // A table within has defaults of its own.
                if !value.is_null() && !value.is_object() && plain != Some(value) {
                    let _ = writeln!(text, "{key} = {value}");
                }
            }
        }
        let _ = writeln!(text, "```");
    }

    fn default(&self, name: &str, default: Option<&Value>) -> String {
        let required = self.schema.get("required").and_then(Value::as_array);
        if required.is_some_and(|names| names.iter().any(|required| required == name)) {
            return "required".to_owned();
        }
        match default {
            None | Some(Value::Null) => "none".to_owned(),
            Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
            Some(Value::Object(pairs)) if pairs.is_empty() => "none".to_owned(),
            Some(value) => format!("`{value}`"),
        }
    }
}

/// What a property's value is made of: the type behind references and options, and what its
/// name in the file has after the key where it is a map.
fn target<'a>(
    property: &'a Value,
    definitions: &'a Map<String, Value>,
) -> (&'a Value, &'static str) {
    let named = property
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| definitions.get(path.trim_start_matches("#/$defs/")));
    if let Some(named) = named {
        return (named, "");
    }
    let some = property.get("anyOf").and_then(Value::as_array).and_then(|options| {
        options.iter().find(|option| option.get("type").and_then(Value::as_str) != Some("null"))
    });
    if let Some(some) = some {
        return target(some, definitions);
    }
    match property.get("additionalProperties") {
        Some(values @ Value::Object(_)) => match target(values, definitions).0 {
            inner if inner.get("properties").is_some() => (inner, ".NAME"),
            _ => (property, ""),
        },
        _ => (property, ""),
    }
}

/// A type in a word, or the values that there are.
fn kind(schema: &Value) -> String {
    let constants = |options: &Vec<Value>| -> Vec<String> {
        let value = |option: &Value| option.get("const").map(|value| format!("`{value}`"));
        options.iter().filter_map(value).collect()
    };
    if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
        return constants(options).join(", ");
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.as_str(),
        // An option is not said apart: its default is none.
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default()
        }
        _ => "",
    };
    match name {
        "string" => "text",
        "boolean" => "`true` or `false`",
        "integer" | "number" => "number",
        "array" => "list",
        "object" => "table",
        _ => "any",
    }
    .to_owned()
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_with_a_default_and_a_description() {
        let text = reference();
        for line in [
            "## `[limits]`",
            "## `[instances.NAME]`",
            "## `[plugins.NAME.limits]`",
            "## `[pipelines.NAME.match]`",
            "## `[pipelines.NAME.batch]`",
            "| `max-object` | text | `\"64.0 MiB\"` |",
            "| `http` | text | `\"127.0.0.1:8080\"` |",
            "| `url` | text | required |",
            "[instances.disk]\nurl = \"file:\"\n",
            "[pipelines.default]\ningest = [\"ingest-inspect\"]\n",
        ] {
            assert!(text.contains(line), "{line} is missing:\n{text}");
        }
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            assert!(!row.ends_with("|  |"), "no description: {row}");
        }
    }
}
