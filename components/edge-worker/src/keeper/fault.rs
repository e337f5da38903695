//! `Fault`: why a server did not do what it was asked, in words of our own.
//!
//! What Spin tells of a failure may have the server's address, a user or a password in it. So it
//! is looked at for what it means, and never passed on.

use framedb_core::{Failure, FailureClass, Stage};

/// Why a server did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no connection, or it broke.
    Down,
    /// Spin does not let the component connect to it.
    Address,
    /// It did not answer in time.
    Late,
    /// It has too many connections.
    Crowded,
    /// It refuses the worker's login, or a right is missing.
    Right,
    /// It has no database of that name.
    Database,
    /// The component may not open the store.
    Store,
    /// It has no room.
    Full,
    /// It is a replica that takes no writes.
    ReadOnly,
    /// It is one of a cluster.
    Cluster,
    /// It does not know the script.
    Script,
    /// Something of another type has the key.
    Type,
    /// The value is larger than it takes.
    Large,
    /// Another transaction is in the way.
    Contended,
    /// Its table is of another shape.
    Shape,
    /// It refuses for another reason.
    Refused,
    /// It says what nobody understands.
    Foreign,
    /// What it keeps of a route or of a write cannot be read.
    Damaged,
}

impl Fault {
    /// What a text of Redis, as Spin passes it on, means.
    pub(super) fn of_redis(text: &str) -> Self {
        const CODES: [(&str, Fault); 20] = [
            ("NOSCRIPT", Fault::Script),
            ("WRONGTYPE", Fault::Type),
            ("NOPERM", Fault::Right),
            ("ACL FAILURE", Fault::Right),
            ("NO PERMISSIONS", Fault::Right),
            ("CAN'T RUN THIS COMMAND", Fault::Right),
            ("NOAUTH", Fault::Right),
            ("WRONGPASS", Fault::Right),
            ("AUTHENTICATION", Fault::Right),
            ("LOGIN", Fault::Right),
            ("OOM", Fault::Full),
            ("MISCONF", Fault::Full),
            ("READONLY", Fault::ReadOnly),
            ("MOVED", Fault::Cluster),
            ("ASK ", Fault::Cluster),
            ("CROSSSLOT", Fault::Cluster),
            ("CLUSTERDOWN", Fault::Cluster),
            ("LOADING", Fault::Down),
            ("MASTERDOWN", Fault::Down),
            ("RESPONSEERROR", Fault::Refused),
        ];
        let text = text.to_ascii_uppercase();
        let known = CODES.iter().find(|(code, _)| text.contains(code));
        let other =
            if text.contains("ERR ") || text.contains("ERR:") { Self::Refused } else { Self::Down };
        known.map_or(other, |(_, fault)| *fault)
    }

    /// What a text of a database, as Spin passes it on, means: it has the server's number for
    /// the error where the server said it.
    pub(super) fn of_sql(text: &str) -> Self {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        let mut numbers = words.filter(|word| word.len() == 4).filter_map(|word| word.parse().ok());
        // What Spin, and the node's own runtime, say of a host that a component may not connect to.
        if text.contains("is not permitted") || text.contains("allowed outbound hosts") {
            return Self::Address;
        }
        let known = numbers.find_map(|number: u16| {
            Some(match number {
                1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1370 | 1698 => Self::Right,
                1049 => Self::Database,
                1040 | 1203 | 1226 => Self::Crowded,
                1053 | 1129 => Self::Down,
                1153 | 1301 | 1406 | 3170 | 8004 | 8025 => Self::Large,
                1205 | 1213 | 8002 | 8022 | 9007 => Self::Contended,
                1021 | 1041 | 1114 => Self::Full,
                1290 | 1792 | 1836 => Self::ReadOnly,
                1000..=9999 => Self::Refused,
                _ => return None,
            })
        });
        let large = || text.contains("too large").then_some(Self::Large);
        known.or_else(large).unwrap_or(Self::Down)
    }

    /// What a text of a key-value store means.
    pub(super) fn of_store(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match () {
            // What keeps the stores has names for it of its own.
            () if says(&["not one of the component's", "access denied"]) => Self::Store,
            () if says(&["too large", "too big", "too long", "exceeds"]) => Self::Large,
            () if says(&["full", "no room", "quota", "no space"]) => Self::Full,
            () => Self::Down,
        }
    }

    /// Whether the connection is to be opened anew.
    pub(super) fn breaks(self) -> bool {
        matches!(self, Self::Down | Self::Late)
    }

    /// The failure of a read from an instance or the registry, by its name.
    pub(super) fn unread(self, stage: Stage, attempt: &str, place: &str) -> Failure {
        match self {
            Self::Late => {
                let what = format!("cannot {attempt} {place}: the server did not answer in time");
                Failure::new(FailureClass::Unavailable, stage, what)
            }
            fault => fault.failure(stage, attempt, place),
        }
    }

    /// Whether a write may have been done all the same.
    pub(super) fn is_unclear(self) -> bool {
        self.breaks()
    }

    /// The failure of what was attempted on an instance or the registry, by its name.
    pub(super) fn failure(self, stage: Stage, attempt: &str, place: &str) -> Failure {
        let (class, why) = match self {
            Self::Down => (FailureClass::Unavailable, "the server cannot be reached"),
            Self::Address => (
                FailureClass::Denied,
                "Spin does not let the worker connect to it: add its host to \
                 `allowed_outbound_hosts`",
            ),
            Self::Late => {
                (FailureClass::Unknown, "the server did not answer in time: the outcome is unknown")
            }
            Self::Crowded => (FailureClass::Unavailable, "there are too many connections"),
            Self::Right => {
                (FailureClass::Denied, "the server refuses the login, or a right is missing there")
            }
            Self::Database => {
                (FailureClass::Denied, "there is no such database or store: create it first")
            }
            Self::Store => (
                FailureClass::Denied,
                "the component may not open the store: add it to `key_value_stores`",
            ),
            Self::Full => (FailureClass::Unavailable, "the server has no room"),
            Self::ReadOnly => {
                (FailureClass::Denied, "the server is a read-only replica: name the primary")
            }
            Self::Cluster => (
                FailureClass::Denied,
                "the server is one of a cluster, to which Spin does not connect",
            ),
            Self::Script => (FailureClass::Denied, "the server does not keep scripts"),
            Self::Type => (FailureClass::Invalid, "something of another type has the key there"),
            Self::Large => (FailureClass::TooLarge, "the server takes no value of that size"),
            Self::Contended => (FailureClass::Unavailable, "others write the same key"),
            Self::Shape => (
                FailureClass::Denied,
                "its table `data_table` is of another shape: rename it, and one is created",
            ),
            Self::Refused => (FailureClass::Denied, "the server refuses the command"),
            Self::Foreign => (FailureClass::Denied, "its answer is not understood"),
            Self::Damaged => (FailureClass::Denied, "what it keeps there is damaged"),
        };
        Failure::new(class, stage, format!("cannot {attempt} {place}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_understood_and_not_passed_on() {
        for (text, fault) in [
            ("An error was signalled by the server - NoScriptError: No matching", Fault::Script),
            ("NOSCRIPT No matching script.", Fault::Script),
            ("WRONGTYPE: Operation against a key", Fault::Type),
            ("cannot use the Redis `server`: the server refuses: NOPERM", Fault::Right),
            ("OOM command not allowed when used memory > 'maxmemory'", Fault::Full),
            ("Connection refused (os error 111)", Fault::Down),
            ("ERR value is not an integer", Fault::Refused),
        ] {
            assert_eq!(Fault::of_redis(text), fault, "{text}");
        }
        for (text, fault) in [
            ("Server error: `ERROR 28000 (1045): Access denied for user 'u'@'h'", Fault::Right),
            ("ERROR 1153 (08S01): Got a packet bigger than", Fault::Large),
            ("no connection to the server", Fault::Down),
            ("address mysql://u:p@h is not permitted", Fault::Address),
            ("another transaction is in the way, try again (1213)", Fault::Contended),
        ] {
            assert_eq!(Fault::of_sql(text), fault, "{text}");
        }
        let failure = Fault::Right.failure(Stage::Sink, "store `k` on", "`disk`");
        assert!(failure.message.starts_with("cannot store `k` on `disk`: "));
    }
}
