//! `Client`: calls to a cluster, each with a deadline, to the member that answers.

use super::{
    Address, Failure, Fault, Watch,
    member::members,
    proto::etcdserverpb::{
        AuthenticateRequest, PutRequest, RangeRequest, RangeResponse, StatusRequest,
        StatusResponse, TxnRequest, TxnResponse, auth_client::AuthClient, kv_client::KvClient,
        maintenance_client::MaintenanceClient, watch_client::WatchClient,
    },
};
use crate::Result;
use bytes::Bytes;
use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

/// How long a call may take, over all members.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// What an answer may have: a page of routes with the longest metadata.
const MAX_ANSWER: usize = 256 << 20;

/// The metadata key of tokens.
const TOKEN: &str = "token";

/// Whether a call whose outcome is unclear is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// To do it twice is to do it once.
    Yes,
    /// Only when it was certainly not sent.
    No,
}

/// The way to a cluster, shared by any number of tasks.
pub(crate) struct Client {
    address: Address,
    members: Vec<Channel>,
    /// The member that answered last.
    current: AtomicUsize,
    /// Held while a token is asked for, so that one task does it for all.
    token: Mutex<Token>,
}

#[derive(Clone)]
enum Token {
    /// None was asked for yet, or the last one is not valid any more.
    Unknown,
    /// None is needed.
    Needless,
    /// Goes along with every call.
    Known(MetadataValue<Ascii>),
}

impl Client {
    /// A client that connects when it is first used.
    ///
    /// # Errors
    ///
    /// When a file of TLS cannot be read, or an address not be used.
    pub(crate) async fn new(address: Address) -> Result<Self> {
        let members = members(&address).await?;
        let token = if address.user.is_empty() { Token::Needless } else { Token::Unknown };
        let (current, token) = (AtomicUsize::new(0), Mutex::new(token));
        Ok(Self { address, members, current, token })
    }

    /// Where the cluster is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Reads a range.
    pub(crate) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Failure> {
        self.call(Again::Yes, request, async |channel, request| kv(channel).range(request).await)
            .await
    }

    /// Writes a key, whatever is there.
    pub(crate) async fn put(&self, key: Bytes, value: Bytes) -> Result<(), Failure> {
        let request = PutRequest { key, value, ..PutRequest::default() };
        self.call(Again::Yes, request, async |channel, request| kv(channel).put(request).await)
            .await?;
        Ok(())
    }

    /// Compares, then does one of two lists of requests.
    pub(crate) async fn txn(
        &self,
        again: Again,
        request: TxnRequest,
    ) -> Result<TxnResponse, Failure> {
        self.call(again, request, async |channel, request| kv(channel).txn(request).await).await
    }

    /// How the member that answers is.
    pub(crate) async fn status(&self) -> Result<StatusResponse, Failure> {
        self.call(Again::Yes, StatusRequest {}, async |channel, request| {
            MaintenanceClient::new(channel).status(request).await
        })
        .await
    }

    /// Reports changes of the keys from `key` up to `end`, from a revision on.
    pub(crate) async fn watch(
        &self,
        key: Vec<u8>,
        end: Vec<u8>,
        revision: i64,
    ) -> Result<Watch, Failure> {
        let create = Watch::request(key, end, revision);
        let (watch, answers) = self
            .call(Again::Yes, create, async |channel, request: Request<_>| {
                let (metadata, extensions, create) = request.into_parts();
                let (sender, requests) = Watch::requests(create);
                let mut request = Request::from_parts(metadata, extensions, requests);
                // A member that is cut off from the others ends the watch.
                request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
                let mut client = WatchClient::new(channel).max_decoding_message_size(MAX_ANSWER);
                let answers = client.watch(request).await?;
                Ok(Response::new((sender, answers.into_inner())))
            })
            .await?;
        let mut watch = Watch::new(watch, answers);
        match watch.created().await {
            Err(failure) if matches!(failure.fault(), Fault::Denied | Fault::Token) => {
                // A token that is not valid any more shows as a missing permission here.
                self.forget_token().await;
                Err(failure)
            }
            created => created.map(|()| watch),
        }
    }

    async fn call<M: Clone, T>(
        &self,
        again: Again,
        message: M,
        send: impl AsyncFn(Channel, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + TIMEOUT;
        // A connection that broke while it was idle is found out by the first call.
        let mut tries = self.members.len().max(2);
        let mut renewed = false;
        loop {
            tries -= 1;
            let number = self.current.load(Relaxed);
            let Some(channel) = self.members.get(number % self.members.len().max(1)) else {
                return Err(Failure::new(Fault::Unreachable));
            };
            // One that says nothing leaves half of the time to the others.
            let now = Instant::now();
            let others = self.members.len() > 1 && tries > 0;
            let until = if others { now + (deadline - now) / 2 } else { deadline };
            let attempt = async {
                let mut request = Request::new(message.clone());
                if let Token::Known(token) = self.token(channel).await? {
                    request.metadata_mut().insert(TOKEN, token);
                }
                Ok(send(channel.clone(), request).await?)
            };
            let failure: Failure = match timeout_at(until, attempt).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::new(Fault::Silent),
            };
            if matches!(failure.fault(), Fault::Token | Fault::NoUser) && !renewed {
                // Tokens end with their time, and with the server that gave them out.
                renewed = self.forget_token().await;
                if renewed {
                    tries += 1;
                    continue;
                }
            }
            if failure.moves_on() {
                let _ = self.current.compare_exchange(number, number + 1, Relaxed, Relaxed);
            }
            let repeatable = again == Again::Yes || failure.never_sent();
            if !failure.moves_on() || !repeatable || tries == 0 || Instant::now() >= deadline {
                return Err(failure);
            }
        }
    }

    /// The token to send along, asked for where there is none.
    async fn token(&self, channel: &Channel) -> Result<Token, Failure> {
        let mut token = self.token.lock().await;
        if matches!(*token, Token::Unknown) {
            let request = AuthenticateRequest {
                name: self.address.user.clone(),
                password: self.address.password.clone(),
            };
            let answer = AuthClient::new(channel.clone()).authenticate(request).await;
            *token = match answer.map_err(Failure::from) {
                Ok(answer) => {
                    let text = answer.into_inner().token.parse();
                    let mut known: MetadataValue<Ascii> =
                        text.map_err(|_| Failure::new(Fault::Refused))?;
                    known.set_sensitive(true);
                    Token::Known(known)
                }
                Err(failure) if failure.fault() == Fault::NoUsers => Token::Needless,
                Err(failure) => return Err(failure),
            };
        }
        Ok(token.clone())
    }

    /// Forgets the token; whether another one can be asked for.
    async fn forget_token(&self) -> bool {
        let known = !self.address.user.is_empty();
        if known {
            *self.token.lock().await = Token::Unknown;
        }
        known
    }
}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
