//! `resolve-grpc`: places objects where a gRPC service says.

mod messages;
mod plugin;
mod proto;
mod settings;

pub use plugin::Grpc;
pub use settings::Settings;

framedb_plugin::export!(resolve: Grpc);
