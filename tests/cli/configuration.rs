//! `framedb check`, and the configuration that `serve` starts with.

use framedb_tests::{
    Operator, eventually, fixture_path,
    servers::{
        mariadb::{self, fresh_name},
        redis::RedisServer,
    },
};
use mysql_async::prelude::Queryable as _;

#[test]
fn a_good_configuration_is_shown_as_it_would_run() {
    let operator = Operator::new("[limits]\nmax-object = \"1MiB\"\n");
    let shown = operator.run("check");
    assert_eq!((shown.code, &*shown.stderr), (Some(0), "the configuration is good\n"), "{shown:?}");
    for line in [
        "limits    objects up to 1.0 MiB, 256.0 MiB in flight, 30s each",
        "instance  disk: file:",
        "instance  memory: memory:",
        "plugin    ingest-inspect: ingest (inspect 0.1.0)",
        "pipeline  default: ingest-inspect → resolve-rules → serialize-raw",
    ] {
        assert!(
            shown.stdout.lines().any(|shown| shown == line),
            "`{line}` is not in:\n{}",
            shown.stdout
        );
    }
    assert!(!operator.data_dir().exists(), "a look makes no folders");
}

#[test]
fn all_problems_are_told_at_once_with_the_nearest_name() {
    let operator = Operator::new(
        "htp = \"x\"\n[limits]\nmax-objekt = 1\n[pipelines.default]\nserialise = \"x\"\n",
    );
    for command in ["check", "serve"] {
        let refused = operator.run(command);
        assert_eq!((refused.code, &*refused.stdout), (Some(1), ""), "{command}");
        for line in [
            "  unknown key `htp`; did you mean `http`?",
            "  unknown key `limits.max-objekt`; did you mean `max-object`?",
            "  unknown key `pipelines.default.serialise`; did you mean `serialize`?",
            "hint: `framedb check --keys` lists every key",
        ] {
            assert!(
                refused.stderr.lines().any(|told| told == line),
                "`{line}` is not in:\n{}",
                refused.stderr
            );
        }
    }
}

#[test]
fn settings_that_cannot_work_together_are_refused() {
    for (config, message) in [
        (
            "[limits]\nmax-object = \"1GiB\"\n",
            "limits.in-flight (256.0 MiB) is less than limits.max-object (1.0 GiB)",
        ),
        (
            "[instances.far]\nurl = \"ftp://user:secret@host\"\n",
            "instances.far.url: no engine has the scheme \"ftp\"",
        ),
        (
            "[pipelines.default]\nserialize = \"serialize-lz\"\n",
            "there is no plugin `serialize-lz`; did you mean `serialize-lz4`?",
        ),
        (
            "[defaults]\nstorage = \"dsk\"\n",
            "defaults.storage: there is no instance `dsk`; did you mean `disk`?",
        ),
        (
            "[instances.memory]\nurl = \"memory:\"\nchunks = true\n",
            "instances.memory.chunks is for `mysql:` instances; this one is `memory:`",
        ),
        (
            "[instances.disk]\nurl = \"file:\"\nmax-bytes = \"1MiB\"\n",
            "instances.disk.max-bytes is for `memory:` instances; this one is `file:`",
        ),
        (
            "[instances.db]\nurl = \"mysql://u:secret@h/d\"\nmax-entry = \"1KiB\"\n",
            "instances.db.max-entry (1.0 KiB) is less than 8.0 KiB",
        ),
    ] {
        let refused = Operator::new(config).run("check");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(message), "`{message}` is not in:\n{}", refused.stderr);
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
    }
}

#[test]
fn a_plugin_that_cannot_be_loaded_is_found_by_a_check() {
    let path = fixture_path("bad-settings");
    let config = format!(
        "[plugins.strict]\ncomponent = {path:?}\n[pipelines.default]\ningest = [\"strict\"]\n"
    );
    let refused = Operator::new(&config).run("check");
    assert_eq!(refused.code, Some(1));
    let message = "plugin `strict` cannot be used: set `strict_level`: it has no default";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    let good = format!("{config}[plugins.strict.settings]\nstrict_level = 3\n");
    assert_eq!(Operator::new(&good).run("check").code, Some(0));
}

#[test]
fn a_setting_that_its_plugin_does_not_read_is_told() {
    let config = "[plugins.ingest-admit]\nsettings.admit_on_eror = \"accept\"\n\
                  settings.admit_url = \"http://gate/\"\n\
                  grants.http.gate = { host = \"gate.example\", ports = [443] }\n\
                  [pipelines.default]\ningest = [\"ingest-admit\"]\n";
    let checked = Operator::new(config).run("check");
    let line = "plugins.ingest-admit.settings.admit_on_eror is not a setting that the plugin reads; \
                did you mean `admit_on_error`?";
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stderr.contains(line), "{}", checked.stderr);
    let good = Operator::new(&config.replace("eror", "error")).run("check");
    assert!(!good.stderr.contains("warning"), "{}", good.stderr);
}

#[test]
fn a_misspelt_setting_is_told_where_the_plugin_misses_it() {
    let path = fixture_path("bad-settings");
    let config = format!(
        "[plugins.strict]\ncomponent = {path:?}\nsettings.strict_levle = 3\n\
         [pipelines.default]\ningest = [\"strict\"]\n"
    );
    let refused = Operator::new(&config).run("check");
    assert_eq!(refused.code, Some(1));
    let hint = "plugins.strict.settings.strict_levle is not a setting that the plugin reads; \
                did you mean `strict_level`?";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
}

#[test]
fn a_setting_that_leads_where_nothing_is_granted_is_told() {
    let config = "[plugins.ingest-admit]\nsettings.admit_url = \"http://gat/\"\n\
                  grants.http.gate = { host = \"gate.example\", ports = [443] }\n\
                  [pipelines.default]\ningest = [\"ingest-admit\"]\n";
    let warned = |config: &str| {
        let checked = Operator::new(config).run("check");
        assert_eq!(checked.code, Some(0), "{checked:?}");
        checked.stderr
    };
    let line = "plugins.ingest-admit.settings.admit_url: requests to `gat` are not granted";
    let stderr = warned(config);
    assert!(stderr.contains(line), "{stderr}");
    for granted in ["http://gate/", "http://gate.example:443/"] {
        let stderr = warned(&config.replace("http://gat/", granted));
        assert!(!stderr.contains("warning"), "{granted}: {stderr}");
    }
}

#[test]
fn the_reference_names_every_key() {
    let shown = Operator::new("").run("check --keys");
    assert_eq!((shown.code, &*shown.stderr), (Some(0), ""));
    for key in [
        "data-dir",
        "max-object",
        "in-flight",
        "deadline",
        "eviction",
        "at-once",
        "framing",
        "max-calls",
    ] {
        assert!(shown.stdout.contains(key), "{key}");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let operator = Operator::new("");
    let refused = operator.run("check --config none.toml");
    assert_eq!(refused.code, Some(1));
    let start = "error: cannot read the configuration none.toml\n";
    assert!(refused.stderr.starts_with(start), "{}", refused.stderr);
}

#[test]
fn a_component_in_the_configuration_is_found_beside_the_file() {
    let operator = Operator::new(
        "[plugins.mine]\ncomponent = \"mine.wasm\"\n[pipelines.default]\nserialize = \"mine\"\n",
    );
    std::fs::copy(fixture_path("reverse-v1"), operator.path("mine.wasm")).unwrap();
    let _node = operator.serve();
    let put = operator.run_with("put - --key k", "abc");
    assert_eq!(put.code, Some(0), "{put:?}");
    assert!(put.stdout.contains("reverse/1"), "{}", put.stdout);
    assert_eq!(operator.run("get k").stdout, "abc");
}

#[test]
fn a_check_connects_to_every_server_and_says_which_cannot_be_used() {
    let server = RedisServer::start_with(&["--requirepass", "s3cret"]);
    let instance = |password: &str| {
        format!(
            "[instances.cache]\nurl = \"redis://:{password}@127.0.0.1:{}\"\n\
             [registry]\nurl = \"redis://:s3cret@127.0.0.1:{}\"\n",
            server.port(),
            server.port()
        )
    };
    let good = Operator::new(&instance("s3cret")).run("check --connect");
    assert_eq!(good.code, Some(0), "{good:?}");
    let place = format!("reached   instance cache: in Redis at 127.0.0.1:{}", server.port());
    assert!(good.stdout.contains(&place), "{}", good.stdout);
    assert!(good.stdout.contains("reached   registry: in Redis at"), "{}", good.stdout);
    assert!(good.stdout.contains("reached   instance disk: inside of the node"), "{}", good.stdout);

    let refused = Operator::new(&instance("wr0ng")).run("check --connect");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("FAILED    instance cache: "), "{}", refused.stdout);
    assert!(refused.stderr.contains("1 of 4 cannot be used"), "{}", refused.stderr);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(!said.contains("s3cret") && !said.contains("wr0ng"), "{said}");

    let grant = |password: &str| {
        format!(
            "[plugins.ingest-dedup.grants.key-value.default]\n\
             [plugins.ingest-dedup.grants.redis.hot]\nurl = \"redis://:{password}@127.0.0.1:{}\"\n\
             keys = ['*']\ncommands = ['read']\n",
            server.port()
        )
    };
    let granted = Operator::new(&grant("s3cret")).run("check --connect");
    assert_eq!(granted.code, Some(0), "{granted:?}");
    let place = "reached   plugins.ingest-dedup.grants.redis.hot: Redis at 127.0.0.1:";
    assert!(granted.stdout.contains(place), "{}", granted.stdout);
    let refused = Operator::new(&grant("wr0ng")).run("check --connect");
    let place = "FAILED    plugins.ingest-dedup.grants.redis.hot: ";
    assert!(refused.code == Some(1) && refused.stdout.contains(place), "{refused:?}");
    assert!(!format!("{refused:?}").contains("wr0ng"), "{refused:?}");
    // Without being asked, a check opens nothing.
    assert_eq!(Operator::new(&instance("wr0ng")).run("check").code, Some(0));
    // It cannot know which keys will come, and says that not all of them may.
    for (keys, said) in [
        ("~allowed:* ~#framedb:*", "lets the user use some keys only\n"),
        ("~allowed:*", "and not `#framedb:*`: what is pushed to queues will be refused\n"),
    ] {
        let user = format!("ACL SETUSER some reset on >s3cret +@all {keys}");
        let words: Vec<_> = user.split(' ').collect();
        assert_eq!(server.command_as(Some("s3cret"), &words), "+OK");
        let instance = instance("s3cret").replacen("redis://:", "redis://some:", 1);
        let checked = Operator::new(&instance).run("check --connect");
        let line = checked.stdout.lines().find(|line| line.contains("instance cache")).unwrap();
        assert!(checked.code == Some(0), "{checked:?}");
        assert!(line.contains(said.trim_end()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_connects_makes_nothing_and_says_what_the_node_would_make() {
    let (server, name) = (mariadb::shared().await, fresh_name());
    let mut client = server.client().await;
    let operator = |url: &str| Operator::new(&format!("[instances.db]\nurl = {url:?}\n"));
    let here = operator(&server.url(&name));
    let check = |operator: &Operator| {
        let checked = operator.run("check --connect");
        assert!(!format!("{checked:?}").contains("s3cret"), "{checked:?}");
        (checked.code, checked.stdout)
    };
    let (code, said) = check(&here);
    let would = format!("the database `{name}` does not exist: the node creates it at its start");
    assert!(code == Some(0) && said.contains(&would), "{said}");
    let sql = format!("SHOW DATABASES LIKE '{name}'");
    let found: Option<String> = client.query_first(&sql).await.unwrap();
    assert_eq!(found, None, "a check only looks");
    // Who may look there, and not create it, is told so.
    client.query_drop(format!("CREATE USER u_{name} IDENTIFIED BY 's3cret'")).await.unwrap();
    client.query_drop(format!("GRANT SELECT ON {name}.* TO u_{name}")).await.unwrap();
    let theirs = operator(&server.url_of(&format!("u_{name}"), "s3cret", &name));
    let (code, said) = check(&theirs);
    assert!(code == Some(1) && said.contains("has not the right"), "{said}");

    client.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    let (code, said) = check(&here);
    let would = "it has no table `data_table`: the node creates it at its start";
    assert!(code == Some(0) && said.contains(would), "{said}");
    let (code, said) = check(&theirs);
    assert!(code == Some(1) && said.contains("has not the right"), "{said}");
    let found: Vec<String> = client.query(format!("SHOW TABLES IN {name}")).await.unwrap();
    assert!(found.is_empty(), "{found:?}");

    client.query_drop(format!("DROP DATABASE {name}")).await.unwrap();
    let node = here.serve();
    for made in ["created the database of an instance", "created the table `data_table`"] {
        eventually("the node says what it made", async || node.said().contains(made).then_some(()))
            .await;
    }
    let (code, said) = check(&here);
    assert!(code == Some(0) && !said.contains("the node creates"), "{said}");
    // What lacks a right to what is there is found, too.
    let (code, said) = check(&theirs);
    assert!(code == Some(1) && said.contains("INSERT, DELETE command denied"), "{said}");
}
