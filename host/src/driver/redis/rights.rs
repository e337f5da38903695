//! What the access list lets the user do, found out without changing anything.
//!
//! `ACL DRYRUN` is for administrators. So each command is sent in a form that changes nothing: on
//! a key that nobody has, or with an argument that the command refuses. A server looks at the
//! access list before it looks at anything else, so that every other answer means yes.

use super::{Ack, Connection, Fault, failed};
use crate::{Error, ErrorKind, Result};
use redis::{Cmd, Pipeline, Value, from_redis_value};

/// A key that no sender may use.
const KEY: &str = "framedb#probe";

/// One of those that queues keep beside their lists.
const SIDE_KEY: &str = "#framedb:probe";

/// What objects and queues need, each in a form that changes nothing.
const HARMLESS: &[&[&str]] = &[
    &["GET", KEY],
    &["SET", KEY, "", "XX"],
    &["DEL", KEY],
    &["EXISTS", KEY],
    &["TYPE", KEY],
    &["EVAL", "return 0", "0"],
    &["EVALSHA", "0000000000000000000000000000000000000000", "0"],
    &["TIME"],
    &["LLEN", KEY],
    &["RPOP", KEY],
    &["HDEL", KEY, ""],
    &["HGET", KEY, ""],
    &["HINCRBY", KEY, "", "none"],
    &["HSET", KEY, "", "", "odd"],
    &["PERSIST", KEY],
    &["PEXPIRE", KEY, "1"],
    &["ZADD", KEY, "XX", "0", ""],
    &["ZCARD", KEY],
    &["ZRANGEBYSCORE", KEY, "0", "0"],
    &["ZREM", KEY, ""],
    &["ZREMRANGEBYRANK", KEY, "0", "0"],
    &["ZREMRANGEBYSCORE", KEY, "0", "0"],
    &["ZSCORE", KEY, ""],
];

/// These have no such form. Servers of version 7 and later say what they would answer.
const PUSHES: &str = "local denied = {}
    if redis.acl_check_cmd and redis.acl_check_cmd('LLEN', ARGV[1]) then
      for _, name in ipairs({ 'LPUSH', 'RPUSH' }) do
        if not redis.acl_check_cmd(name, ARGV[1], '') then
          denied[#denied + 1] = name
        end
      end
    end
    return denied";

impl Connection {
    /// Which keys the access list keeps the user from, in words; nothing where it may use all.
    ///
    /// # Errors
    ///
    /// When a server does not answer.
    pub(crate) async fn withheld_keys(&self) -> Result<Option<&'static str>> {
        let denied =
            async |key: &str| match self.ask_at(key.as_bytes(), command(&["GET", key])).await {
                Err(fault) if fault.says("NOPERM") => Ok(true),
                Err(fault) => Err(failed("ask for the user's rights", self.address(), fault)),
                Ok(_) => Ok(false),
            };
        let (objects, queues) = (denied(KEY).await?, denied(SIDE_KEY).await?);
        Ok(match (objects, queues) {
            (false, false) => None,
            (true, false) => Some("its access list lets the user use some keys only"),
            (_, true) => Some(
                "its access list lets the user use some keys only, and not `#framedb:*`: what is \
                 pushed to queues will be refused",
            ),
        })
    }

    /// Whether the user may run the commands that objects and queues need. Which keys it may use
    /// them on is not asked.
    ///
    /// # Errors
    ///
    /// Names the commands that the access list denies, and says when a server does not answer.
    pub(crate) async fn check_rights(&self) -> Result<()> {
        let wrong = |fault| failed("ask for the user's rights", self.address(), fault);
        for (name, server) in self.primaries().await.map_err(wrong)? {
            let mut commands: Vec<Cmd> = HARMLESS.iter().map(|words| command(words)).collect();
            if server.replicas() > 0 {
                commands.push(command(&["WAIT", "0", "0"]));
            }
            let mut questions = Pipeline::with_capacity(commands.len() + 1);
            for command in &commands {
                questions.add_command(command.clone());
            }
            questions.add_command(command(&["EVAL", PUSHES, "0", KEY]));
            let mut answers = server.send(&mut questions, Ack::Primary).await.map_err(wrong)?;
            let pushes = answers.pop();
            let asked = commands.iter().zip(answers);
            let mut denied: Vec<String> = asked
                .filter(|(_, answer)| answer.as_ref().is_err_and(denies_command))
                .map(|(command, _)| word(command))
                .collect();
            if let Some(Ok(pushes @ Value::Array(_))) = pushes {
                denied.extend(from_redis_value::<Vec<String>>(pushes).unwrap_or_default());
            }
            if !denied.is_empty() {
                let place = name.map(|name| format!(" of {name}")).unwrap_or_default();
                let message = format!(
                    "cannot store in Redis at {}: the access list{place} does not let the user \
                     run {}",
                    self.address(),
                    denied.join(", ")
                );
                return Err(Error::new(ErrorKind::Denied, message)
                    .with_hint("grant these commands to the user with `ACL SETUSER`"));
            }
        }
        Ok(())
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

/// What a command is called.
fn word(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(redis::Arg::Simple(word)) => String::from_utf8_lossy(word).into_owned(),
        _ => String::new(),
    }
}

/// Whether the command itself is denied, and not its key.
fn denies_command(fault: &Fault) -> bool {
    fault.says("NOPERM") && fault.says("to run")
}
