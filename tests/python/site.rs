//! `Site`: a node as an operator starts it, with the servers that existing clients reach.

use framedb_tests::{
    NodeProcess, Operator,
    servers::{mariadb, redis::RedisServer},
};
use std::{env, path::PathBuf, time::Duration};
use tokio::{process::Command, time::timeout};

/// So long that only a stuck program gets there.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node in the cluster `edge`, and its instances: `cache` and `spare` in Redis, `table` in a
/// MySQL-protocol server. `cache` is in another cluster, so that its copies can be told apart.
pub(crate) struct Site {
    node: NodeProcess,
    _operator: Operator,
    pub(crate) cache: RedisServer,
    spare: RedisServer,
    table: String,
}

impl Site {
    /// Starts the servers, then a node whose configuration ends with `more`.
    pub(crate) async fn start(more: &str) -> Self {
        let (cache, spare) = (RedisServer::start(), RedisServer::start());
        let table = mariadb::shared().await.url(&mariadb::fresh_name());
        let operator = Operator::new(&format!(
            "cluster-id = \"edge\"\n\
             [instances.cache]\nurl = {:?}\ncluster-id = \"far\"\n\
             [instances.spare]\nurl = {:?}\n\
             [instances.table]\nurl = {table:?}\n{more}",
            cache.url(),
            spare.url(),
        ));
        let node = operator.serve();
        Self { node, _operator: operator, cache, spare, table }
    }

    /// Runs one function of `flows/`, as `<module>.<function>`.
    ///
    /// # Panics
    ///
    /// When it fails; the panic shows what it said.
    pub(crate) async fn run(&self, flow: &str) {
        let mut command = Command::new(python());
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python"))
            // Nothing is written into the sources.
            .args(["-B", "run.py", flow])
            .args(["--grpc", &self.node.grpc().to_string()])
            .args(["--http", &self.node.http().url()])
            .args(["--cache", &self.cache.url(), "--spare", &self.spare.url()])
            .args(["--table", &self.table.replacen("mysql:", "mysql+pymysql:", 1)])
            .kill_on_drop(true);
        // The programs speak to this machine, and as nobody told them.
        for (name, _) in env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if upper.ends_with("_PROXY") || upper.starts_with("PYTHON") || upper == "CLUSTER_ID" {
                command.env_remove(name);
            }
        }
        let output = timeout(PATIENCE, command.output()).await.expect("an end").unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\nthe node said:\n{}", self.node.said());
    }
}

/// The interpreter of the virtual environment, `<target>/python/bin/python`.
fn python() -> PathBuf {
    // The test is `<target>/<profile>/deps/<name>`.
    let test = env::current_exe().unwrap();
    let python = test.ancestors().nth(3).unwrap().join("python/bin/python");
    assert!(python.is_file(), "{} is made by `cargo xtask test`", python.display());
    python
}
