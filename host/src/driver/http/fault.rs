//! `Fault`: why a request of a plugin has no answer, or half of one.

use super::resolver::Unresolved;
use rustls::Error as TlsError;
use std::{error::Error, io, iter};

/// Why there is no answer. It holds nothing of where the request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The host has no address.
    NoSuchHost,
    /// The server does not take connections.
    ConnectionRefused,
    /// It was not connected to in time.
    ConnectTimeout,
    /// Its certificate is not believed.
    Certificate,
    /// It speaks of TLS in another way.
    Tls,
    /// It ended TLS with this alert.
    Alert(u8),
    /// It cannot be reached for another reason.
    Unreachable,
    /// It closed the connection before its answer ended.
    Closed,
    /// Its answer has more headers than are read.
    TooManyHeaders,
    /// What it answered is not HTTP.
    Protocol,
}

impl Fault {
    /// Reads an error of the client, of a connection or of a body.
    pub(crate) fn of<'a>(error: &'a (dyn Error + 'static)) -> Self {
        let source = |error: &&'a (dyn Error + 'static)| (*error).source();
        let chain = iter::successors(Some(error), source);
        let known = chain.filter_map(Self::known).last();
        let connecting = error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        match known {
            // What broke before a connection was open is no half of an answer.
            Some(Self::Closed | Self::Protocol) | None if connecting => Self::Unreachable,
            Some(fault) => fault,
            None => Self::Protocol,
        }
    }

    fn known(error: &(dyn Error + 'static)) -> Option<Self> {
        if error.is::<Unresolved>() {
            return Some(Self::NoSuchHost);
        }
        if error.is::<tokio::time::error::Elapsed>() {
            return Some(Self::ConnectTimeout);
        }
        if let Some(error) = error.downcast_ref::<TlsError>() {
            return Some(Self::of_tls(error));
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return Some(match () {
                () if error.is_parse_too_large() => Self::TooManyHeaders,
                () if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {
                    Self::Closed
                }
                () => Self::Protocol,
            });
        }
        let error = error.downcast_ref::<io::Error>()?;
        // What it wraps is not among its sources, but for what that one wraps.
        if let Some(known) = error.get_ref().and_then(|inner| Self::known(inner)) {
            return Some(known);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::ConnectionRefused),
            io::ErrorKind::TimedOut => Some(Self::ConnectTimeout),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(Self::Closed),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some(Self::Unreachable)
            }
            _ => None,
        }
    }

    fn of_tls(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => {
                Self::Certificate
            }
            TlsError::AlertReceived(alert) => Self::Alert(u8::from(*alert)),
            _ => Self::Tls,
        }
    }
}
