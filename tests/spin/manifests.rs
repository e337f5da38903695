//! The manifests of this repository, and those that `framedb export spin` writes, beside Spin's
//! own schema.

use framedb_host::spin::{Dependency, Inherited, Manifest, Source};
use framedb_tests::Operator;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The schema that Spin prints, where it is at hand.
fn schema() -> Option<jsonschema::Validator> {
    let file = root().join("../shared/spin/manifest.schema.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("{} is not here: manifests are not held against it", file.display());
        return None;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    Some(jsonschema::validator_for(&schema).unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Holds a manifest against the schema, where there is one, and against itself.
fn check(file: &Path) -> Manifest {
    let text = std::fs::read_to_string(file).unwrap();
    let value: Value = toml::from_str(&text).unwrap();
    if let Some(schema) = schema() {
        let wrong: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", file.display());
    }
    let manifest = Manifest::read(file).unwrap_or_else(|error| panic!("{}", error.chain()));
    for trigger in manifest.trigger.http.iter().map(|http| &http.component) {
        assert!(manifest.component.contains_key(trigger), "{trigger}");
    }
    for component in manifest.component.values() {
        let hosts = component.allowed_outbound_hosts.iter();
        for template in component.variables.values().chain(hosts) {
            for name in template.split("{{").skip(1).map(|part| part.split("}}").next().unwrap()) {
                assert!(manifest.variables.contains_key(name.trim()), "{name}");
            }
        }
        for dependency in component.dependencies.values() {
            assert_ne!(dependency.inherit_configuration, Inherited::All(true), "too much");
        }
    }
    for (name, variable) in &manifest.variables {
        assert_ne!(variable.required, variable.default.is_some(), "{name}");
        assert!(!variable.secret || !variable.default.as_ref().is_some_and(|d| d.contains('@')));
    }
    manifest
}

#[test]
fn the_manifests_of_the_repository_fit_spins_schema() {
    for name in ["spin.toml", "deploy/spin.toml", "deploy/spin-redis.toml"] {
        let manifest = check(&root().join(name));
        let worker = &manifest.component["edge-worker"];
        assert_eq!(worker.dependencies.len(), 3, "{name}");
        assert!(worker.build.is_some(), "{name}");
    }
    let runtime = std::fs::read_to_string(root().join("deploy/runtime-config.toml")).unwrap();
    toml::from_str::<toml::Table>(&runtime).unwrap();
}

#[test]
fn a_configuration_becomes_an_application_with_its_secrets_left_out() {
    let operator = Operator::new(
        "[instances.redis]\nurl = \"redis://:s3cret@cache:6400/1\"\n\
         [instances.tidb]\nurl = \"mysql://db:4000/frames\"\n\
         [registry]\nurl = \"redis://:s3cret@cache:6400/1\"\n\
         [defaults]\nin-memory = \"redis\"\nstream = \"redis\"\nstorage = \"tidb\"\n\
         [plugins.serialize-lz4.settings]\nlz4_min_saving = 9\n\
         [plugins.ingest-dedup.settings]\ndedup_window = \"10m\"\n\
         [plugins.ingest-dedup.grants.key-value.default]\n\
         [pipelines.default]\ningest = [\"ingest-inspect\", \"ingest-dedup\"]\n\
         serialize = \"serialize-lz4\"\n",
    );
    let ran = operator.run("export spin --config framedb.toml -o app");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "SPIN_VARIABLE_INSTANCE_REDIS=…",
        "SPIN_VARIABLE_REGISTRY=…",
        "warning: there are no dead letters",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let manifest = check(&operator.path("app/spin.toml"));
    assert!(!operator.read("app/spin.toml").contains("s3cret"));
    let (_, worker) = manifest.http_component().unwrap();
    assert_eq!(worker.source, Source::File("components/edge-worker.wasm".into()));
    assert_eq!(worker.allowed_outbound_hosts, ["mysql://db:4000", "redis://cache:6400"]);
    assert_eq!(worker.variables["allowed_hosts"], "mysql://db:4000 redis://cache:6400");
    assert_eq!(worker.key_value_stores, ["default"]);
    let value = |name: &str| manifest.variables[name].default.clone();
    assert_eq!(value("lz4_min_saving").as_deref(), Some("9"));
    assert_eq!(value("default_storage").as_deref(), Some("tidb"));
    assert_eq!(value("rules_storage").as_deref(), Some("tidb"));
    assert_eq!(value("instance_tidb").as_deref(), Some("mysql://db:4000/frames"));
    assert!(manifest.variables["instance_redis"].secret && value("instance_redis").is_none());
    // Two ingest plugins are one file, which inherits what both need.
    let Dependency { path, inherit_configuration, .. } =
        &worker.dependencies["framedb:edge/ingest@0.1.0"];
    assert_eq!(path.as_deref(), Some("components/ingest.wasm"));
    assert!(
        inherit_configuration.has("key_value_stores") && inherit_configuration.has("variables")
    );
    let inspected = operator.run("plugin inspect app/components/ingest.wasm");
    assert!(inspected.stdout.contains("stage      ingest"), "{inspected:?}");
    let again = operator.run("export spin --config framedb.toml -o app");
    assert_eq!(again.code, Some(1), "{}", again.stderr);
}

#[test]
fn what_a_url_names_by_a_label_is_asked_for_by_its_host() {
    let operator = Operator::new(
        "[plugins.ingest-admit.settings]\nadmit_url = \"https://gate/objects?site=a\"\n\
         [plugins.ingest-admit.grants.http.gate]\nhost = \"gate.example\"\nports = [8443]\n\
         [pipelines.default]\ningest = [\"ingest-admit\"]\n",
    );
    let ran = operator.run("export spin --config framedb.toml -o app");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("by its name"), "{}", ran.stderr);
    let manifest = check(&operator.path("app/spin.toml"));
    let url = "https://gate.example:8443/objects?site=a";
    assert_eq!(manifest.variables["admit_url"].default.as_deref(), Some(url));
    let (_, worker) = manifest.http_component().unwrap();
    assert!(worker.allowed_outbound_hosts.contains(&"https://gate.example:8443".to_owned()));
}

#[test]
fn what_a_pipeline_depends_on_and_spin_lacks_is_refused_all_at_once() {
    let fixture = framedb_tests::fixture_path("uses-framedb");
    let operator = Operator::new(&format!(
        "[instances.far]\nurl = \"redis-cluster://a,b\"\n[defaults]\nin-memory = \"far\"\n\
         [registry]\nurl = \"etcd://e\"\n\
         [plugins.resolve-grpc.grants.http.routes]\nhost = \"routes.local\"\n\
         schemes = [\"http\"]\nplaintext-http2 = true\n\
         [plugins.own]\ncomponent = {fixture:?}\n\
         [pipelines.default]\ningest = [\"own\"]\nresolve = \"resolve-grpc\"\n"
    ));
    let ran = operator.run("export spin --config framedb.toml -o app");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for said in [
        "plugin `own` imports `framedb:objects/objects@0.1.0`, which only a node offers",
        "speaks HTTP/2 without TLS to `routes.local`",
        "the instance `far`: Spin connects to one Redis server",
        "the registry: Spin reaches no etcd",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert!(!operator.path("app").exists());
}
