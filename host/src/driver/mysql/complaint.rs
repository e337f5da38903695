//! `Complaint`: why a plugin's statement failed, in words that it may read: the server's own
//! where they speak of the statement, and never an address or a user.

use mysql_async::{DriverError, Error as Cause, ServerError};
use std::fmt;

/// Letters of a server's text that a plugin is shown.
const SHOWN: usize = 300;

/// Errors whose text speaks of the statement and its values alone: keys, columns, ranges,
/// lengths, syntax. Others name users, hosts and databases.
const PLAIN: &[u16] = &[
    1048, 1052, 1054, 1060, 1062, 1064, 1066, 1093, 1110, 1111, 1136, 1140, 1222, 1241, 1242, 1264,
    1292, 1364, 1365, 1366, 1406, 1411, 1690, 3140, 3141, 4025,
];

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// There is no connection, or it broke.
    Connection(String),
    /// The parameters do not fit the statement.
    Parameter(String),
    /// The server refuses the statement.
    Statement(String),
    /// A value of the answer has a type that plugins cannot read.
    Conversion(String),
    /// Anything else: too much, too late.
    Other(String),
}

impl Complaint {
    /// The server did not answer in time.
    pub(super) fn late() -> Self {
        Self::Other("the server did not answer in time".to_owned())
    }

    /// Whether the server could not be asked, whatever the statement.
    pub(crate) fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Connection(_)) || *self == Self::late()
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn given_up() -> Self {
        Self::Other("the statement was given up".to_owned())
    }
}

impl From<Cause> for Complaint {
    fn from(cause: Cause) -> Self {
        match &cause {
            Cause::Server(error) => said(error),
            Cause::Driver(
                DriverError::StmtParamsMismatch { .. }
                | DriverError::StmtParamsNumberExceedsLimit { .. },
            ) => Self::Parameter(cause.to_string()),
            Cause::Driver(DriverError::PacketTooLarge) => {
                Self::Other("a row or a statement is too large".to_owned())
            }
            _ => Self::Connection("no connection to the server".to_owned()),
        }
    }
}

/// What the server's error means.
fn said(error: &ServerError) -> Complaint {
    let ServerError { code, message, .. } = error;
    match code {
        1044 | 1045 | 1049 | 1129 | 1130 | 1698 => {
            Complaint::Connection(format!("the server refuses the node's login ({code})"))
        }
        1040 | 1053 | 1203 | 1226 => {
            Complaint::Connection(format!("the server takes no more connections ({code})"))
        }
        1142 | 1143 | 1227 | 1370 => {
            Complaint::Statement(format!("the node's user has not the right to ({code})"))
        }
        1146 => Complaint::Statement(format!("there is no such table ({code})")),
        1205 | 1213 => {
            Complaint::Statement(format!("another transaction is in the way, try again ({code})"))
        }
        1451 | 1452 => Complaint::Statement(format!("a foreign key forbids it ({code})")),
        code if PLAIN.contains(code) => {
            let text: String = message.chars().take(SHOWN).collect();
            Complaint::Statement(format!("{text} ({code})"))
        }
        _ => Complaint::Statement(format!("the server refuses the statement ({code})")),
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Connection(text)
        | Self::Parameter(text)
        | Self::Statement(text)
        | Self::Conversion(text)
        | Self::Other(text)) = self;
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(code: u16, message: &str) -> String {
        let (message, state) = (message.to_owned(), "HY000".to_owned());
        Complaint::from(Cause::Server(ServerError { code, message, state })).to_string()
    }

    #[test]
    fn a_server_that_is_late_or_away_is_no_fault_of_the_statement() {
        assert!(Complaint::late().is_of_the_server());
        assert!(Complaint::Connection(String::new()).is_of_the_server());
        assert!(!Complaint::given_up().is_of_the_server());
        assert!(!Complaint::Statement(String::new()).is_of_the_server());
    }

    #[test]
    fn what_a_server_says_of_users_and_hosts_is_kept_from_plugins() {
        for code in [1044, 1045, 1130, 1142, 1146, 1452, 9999] {
            let text = complaint(code, "Access denied for user 'framedb'@'10.0.0.1'");
            assert!(!text.contains("framedb") && text.contains(&code.to_string()), "{text}");
        }
        assert_eq!(complaint(1062, "Duplicate entry 'a'"), "Duplicate entry 'a' (1062)");
    }
}
