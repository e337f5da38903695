//! What a plugin may read of a failure: the server's own words where they speak of the command,
//! and never an address, a user or another's key.

use super::Fault;

/// Codes whose text speaks of the command and what is under its keys. Others tell of the server,
/// as `MOVED` does of an address.
const PLAIN: &[&str] = &[
    "ERR",
    "BUSYGROUP",
    "BUSYKEY",
    "CROSSSLOT",
    "EXECABORT",
    "INDEXTOOBIG",
    "NOGROUP",
    "NOSCRIPT",
    "OOM",
    "SYNTAX",
    "UNBLOCKED",
    "WRONGTYPE",
];

/// Letters of a server's text that a plugin is shown.
const SHOWN: usize = 200;

impl Fault {
    /// The failure in words without addresses and credentials.
    pub(crate) fn for_guest(&self) -> String {
        let Self::Server { cause, sent, .. } = self else {
            return match self {
                Self::FewReplicas { .. } => "too few replicas have the write".to_owned(),
                Self::TooLarge { most } => format!("its answer has more than {most} bytes"),
                _ => "the server is down".to_owned(),
            };
        };
        if self.refuses_login() {
            return "the server refuses the node's login".to_owned();
        }
        if cause.is_timeout() {
            return "the server did not answer in time".to_owned();
        }
        match cause.code() {
            Some(code) if PLAIN.contains(&code) => {
                let detail: String =
                    cause.detail().unwrap_or_default().chars().take(SHOWN).collect();
                format!("{code} {detail}").trim_end().to_owned()
            }
            Some(code) => format!("the server refuses: {code}"),
            None if *sent => "the connection broke before the answer came".to_owned(),
            None => "the server cannot be reached".to_owned(),
        }
    }
}
