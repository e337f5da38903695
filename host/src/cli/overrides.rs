//! Settings of a node that flags and variables may give.

use super::node_args::NodeArgs;
use anyhow::Result;
use clap::{Args, builder::BoolishValueParser};
use framedb_host::{Address, Config, LogFormat};

/// A node's settings beside the file: flags win over variables, variables over the file.
#[derive(Debug, Args)]
pub(super) struct Overrides {
    #[command(flatten)]
    node: NodeArgs,

    /// Address of the gRPC door, or `off`.
    #[arg(long, value_name = "ADDR", env = "FRAMEDB_GRPC")]
    grpc: Option<Address>,

    /// Address of the HTTP door, or `off`.
    #[arg(long, value_name = "ADDR", env = "FRAMEDB_HTTP")]
    http: Option<Address>,

    /// Allow doors on addresses that other machines can reach; there is no authentication.
    #[arg(long, env = "FRAMEDB_PUBLIC", value_parser = BoolishValueParser::new())]
    public: bool,

    /// The cluster that the node is in.
    #[arg(long, value_name = "ID", env = "CLUSTER_ID")]
    cluster_id: Option<String>,

    /// How many servers the node is connected to at most.
    #[arg(long, value_name = "N", env = "CONNECTIONS_CACHE_ENV_SIZE")]
    connections: Option<usize>,

    /// What is logged: a level, or filter directives.
    #[arg(long, value_name = "FILTER", env = "FRAMEDB_LOG")]
    log: Option<String>,

    /// How logs are written.
    #[arg(long, value_name = "FORMAT", env = "FRAMEDB_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

impl Overrides {
    /// The flags over the variables, which clap has put in their place, over the file.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = self.node.config()?;
        config.grpc = self.grpc.unwrap_or(config.grpc);
        config.http = self.http.unwrap_or(config.http);
        config.public |= self.public;
        if let Some(cluster_id) = &self.cluster_id {
            config.cluster_id.clone_from(cluster_id);
        }
        config.connections = self.connections.unwrap_or(config.connections);
        config.log_format = self.log_format.unwrap_or(config.log_format);
        if let Some(log) = &self.log {
            config.log.clone_from(log);
        }
        Ok(config)
    }
}
