use super::read;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

fn from<S: DeserializeOwned>(settings: &[(&str, &str)]) -> Result<S, String> {
    read("demo-codec", |name| {
        Ok(settings.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).into()))
    })
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Fast,
    BestEffort,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    label: String,
    min_saving: u8,
    #[serde(default)]
    strict: bool,
    mode: Option<Mode>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    weights: BTreeMap<String, f64>,
    point: Option<Point>,
}

#[test]
fn every_field_is_read_under_the_plugins_name() {
    let settings: Settings = from(&[
        ("demo_codec_label", "42"),
        ("demo_codec_min_saving", " 5 "),
        ("demo_codec_strict", "true"),
        ("demo_codec_mode", "best-effort"),
        ("demo_codec_names", r#"["a","b"]"#),
        ("demo_codec_weights", r#"{"a":0.5}"#),
        ("demo_codec_point", r#"{"x":-1}"#),
    ])
    .unwrap();
    assert_eq!(settings.label, "42");
    assert_eq!((settings.min_saving, settings.strict), (5, true));
    assert_eq!(settings.mode, Some(Mode::BestEffort));
    assert_eq!(settings.names, ["a", "b"]);
    assert_eq!(settings.weights["a"], 0.5);
    assert_eq!(settings.point, Some(Point { x: -1 }));
}

#[test]
fn what_is_absent_is_none_or_the_default() {
    let settings: Settings =
        from(&[("demo_codec_label", ""), ("demo_codec_min_saving", "0")]).unwrap();
    assert_eq!((settings.mode, settings.point), (None, None));
    assert!(!settings.strict && settings.names.is_empty());
}

#[test]
fn all_wrong_values_are_named_together_with_what_is_expected() {
    let error = from::<Settings>(&[
        ("demo_codec_min_saving", "300"),
        ("demo_codec_strict", "yes"),
        ("demo_codec_mode", "slow"),
        ("demo_codec_names", "a,b"),
    ])
    .unwrap_err();
    for part in [
        "setting `demo_codec_min_saving` is `300`, expected a whole number from 0 to 255",
        "setting `demo_codec_strict` is `yes`, expected true or false",
        "setting `demo_codec_mode` is `slow`, expected one of fast, best-effort",
        "setting `demo_codec_names` is `a,b`, expected a list as JSON: ",
        "set `demo_codec_label`: it has no default",
    ] {
        assert!(error.contains(part), "{part:?} in {error:?}");
    }
}

#[test]
fn what_the_host_cannot_read_is_named() {
    let error = read::<Settings>("demo", |_| Err("vault is sealed".into())).unwrap_err();
    assert!(error.starts_with("setting `demo_label` could not be read: vault is sealed; "));
}

#[test]
fn a_plugin_may_have_no_settings() {
    assert_eq!(from::<()>(&[]), Ok(()));
}

#[test]
fn settings_without_fixed_names_are_refused() {
    let error = from::<BTreeMap<String, String>>(&[]).unwrap_err();
    assert!(error.contains("one field per setting"), "{error}");
}

#[test]
fn long_values_are_shown_in_part() {
    let error =
        from::<Settings>(&[("demo_codec_label", ""), ("demo_codec_min_saving", &"9".repeat(999))])
            .unwrap_err();
    assert!(error.len() < 200 && error.contains('…'), "{error}");
}
