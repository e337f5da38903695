//! `RedisGuard`: which Redis commands a plugin may send, and on which keys.
//!
//! A call is decided from a table that knows what a command does and where its keys are. What
//! the table does not know is refused: a command that has to be named cannot be reached by
//! spelling it otherwise, and a key cannot hide in a place where nobody looked.

mod rules;
mod spec;
mod table;

#[cfg(test)]
mod tests;

use super::{Pattern, RedisGrant, Refusal, Section, pattern::line, refusal::shown};
pub use rules::CommandRule;
use spec::Unclear;
use std::borrow::Cow;
pub use table::{Class, Command, commands};

/// Decides what may be sent to the Redis behind one label.
#[derive(Debug, Clone)]
pub struct RedisGuard {
    section: Section,
    keys: Vec<Pattern>,
    commands: Vec<CommandRule>,
    channels: Vec<Pattern>,
}

/// What a caller should know of a command that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permitted {
    /// What it does; `None` for a command that only its grant knows.
    pub class: Option<Class>,
    /// Whether it needs a connection that nobody else uses meanwhile, and that is reset
    /// afterwards.
    pub own_connection: bool,
}

/// A call as the server reads it: the command is word 0.
pub(super) struct Words<'a> {
    words: Vec<&'a [u8]>,
}

impl<'a> Words<'a> {
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn get(&self, position: usize) -> Option<&'a [u8]> {
        self.words.get(position).copied()
    }

    /// Where the arguments that are this word stand, whatever their case.
    pub(super) fn positions(&self, word: &str, from: usize) -> impl Iterator<Item = usize> {
        let same = move |argument: &[u8]| argument.eq_ignore_ascii_case(word.as_bytes());
        let words = self.words.iter().enumerate().skip(from);
        words.filter(move |(_, argument)| same(argument)).map(|(position, _)| position)
    }
}

impl RedisGuard {
    pub(super) fn new(section: Section, grant: &RedisGrant) -> Self {
        Self {
            section,
            keys: grant.keys.clone(),
            commands: grant.commands.clone(),
            channels: grant.channels.clone(),
        }
    }

    /// Decides a call; names are compared without case, arguments are bytes.
    ///
    /// # Errors
    ///
    /// When the command, a key or a channel of it is not granted, or when its keys cannot be
    /// told; the refusal says what to add to the grant.
    pub fn check<A: AsRef<[u8]>>(
        &self,
        command: &[u8],
        arguments: &[A],
    ) -> Result<Permitted, Refusal> {
        let (command, words) = read(command, arguments)?;
        let command = match command {
            Ok(command) => command,
            Err(name) => return self.check_unknown(&name),
        };
        let class = self.check_command(command, &words)?;
        self.check_keys(command, &words)?;
        self.check_patterns(command, &words)?;
        self.check_channels(command, &words)?;
        // One that changes a connection is for the one that the plugin has opened.
        let own_connection = class.holds_connection() && !rules::is_apart(class);
        Ok(Permitted { class: Some(class), own_connection })
    }

    /// Whether each connection that is opened has to be the plugin's own, because it may change
    /// what a connection remembers.
    #[must_use]
    pub fn changes_connections(&self) -> bool {
        self.commands.iter().any(CommandRule::names_apart)
    }

    /// A command that the table does not have: nobody knows where its keys are.
    fn check_unknown(&self, name: &str) -> Result<Permitted, Refusal> {
        if !self.names(name) {
            let what = format!("the Redis command {} is unknown", shown_name(name));
            let what = format!("{what}, which has to be granted by its name");
            let mut lines = self.with_command(&shown(name.as_bytes()));
            if !self.all_keys() {
                lines.push_str("\nkeys = [\"*\"]");
            }
            return Err(self.section.refuse(what, lines));
        }
        if !self.all_keys() {
            let what =
                format!("where the keys of the Redis command {} are is unknown", shown_name(name));
            return Err(self.section.refuse(what, "keys = [\"*\"]"));
        }
        Ok(Permitted { class: None, own_connection: true })
    }

    /// Whether the grant has the command; what it does with these arguments.
    fn check_command(&self, command: &Command, words: &Words<'_>) -> Result<Class, Refusal> {
        let class = rules::class(command, words);
        let granted = self.names(command.name)
            || self.commands.iter().any(|rule| rule.grants(class) && !rules::is_apart(class));
        if granted {
            return Ok(class);
        }
        let name = shown_name(command.name);
        match CommandRule::for_class(class) {
            Some(rule) => Err(self.section.refuse(
                format!("the Redis command {name} is not granted"),
                self.with_command(&rule.to_string()),
            )),
            None => {
                let how = if class == command.class { "" } else { " with these arguments" };
                let what = format!("{name}{how} is {} command", class.name());
                Err(self.refuse_command(what, command.name))
            }
        }
    }

    fn check_keys(&self, command: &Command, words: &Words<'_>) -> Result<(), Refusal> {
        for spec in command.keys {
            spec.each_key(words, &mut |key| self.check_key(command, key))?;
        }
        Ok(())
    }

    fn check_key(&self, command: &Command, key: &[u8]) -> Result<(), Refused> {
        if Pattern::any_matches(&self.keys, key) {
            return Ok(());
        }
        let what =
            format!("the key `{}` is not granted to {}", shown(key), shown_name(command.name));
        if key.contains(&b'*') {
            let why = "a key with a star in it is granted by what it begins with";
            return Err(Refused(self.section.refuse_always(format!("{what}; {why}"))));
        }
        Err(Refused(self.section.refuse(what, line("keys", self.keys.clone(), &shown(key)))))
    }

    /// Arguments that stand for keys which only the server finds.
    fn check_patterns(&self, command: &Command, words: &Words<'_>) -> Result<(), Refusal> {
        if self.all_keys() {
            return Ok(());
        }
        for start in rules::literal_starts(command, words) {
            if !self.keys.iter().any(|granted| granted.covers(&start)) {
                let name = shown_name(command.name);
                let what = if start.is_empty() {
                    format!("{name} reaches keys that are not granted")
                } else {
                    format!("{name} reaches keys `{}*`, which are not granted", shown(&start))
                };
                let keys = line("keys", self.keys.clone(), &format!("{}*", shown(&start)));
                return Err(self.section.refuse(what, keys));
            }
        }
        Ok(())
    }

    fn check_channels(&self, command: &Command, words: &Words<'_>) -> Result<(), Refusal> {
        for channel in rules::channels(command, words) {
            let granted = match &channel {
                rules::Channel::Named(name) => Pattern::any_matches(&self.channels, name),
                rules::Channel::Starting(start) => {
                    self.channels.iter().any(|granted| granted.covers(start))
                }
            };
            if !granted {
                let (channel, end) = match &channel {
                    rules::Channel::Named(name) => (shown(name), ""),
                    rules::Channel::Starting(start) => (shown(start), "*"),
                };
                let name = shown_name(command.name);
                let what = format!("the channel `{channel}{end}` is not granted to {name}");
                let channels = format!("{channel}{end}");
                let channels = line("channels", self.channels.clone(), &channels);
                return Err(self.section.refuse(what, channels));
            }
        }
        Ok(())
    }

    fn refuse_command(&self, what: String, name: &str) -> Refusal {
        self.section.refuse(
            format!("{what}, which has to be granted by its name"),
            self.with_command(&shown(name.as_bytes())),
        )
    }

    fn with_command(&self, name: &str) -> String {
        line("commands", self.commands.iter().map(ToString::to_string), name)
    }

    /// Whether the grant names a command itself, not its class.
    fn names(&self, name: &str) -> bool {
        self.commands.iter().any(|rule| rule.names(name))
    }

    fn all_keys(&self) -> bool {
        self.keys.iter().any(Pattern::is_all)
    }
}

/// The keys of a call as the table finds them, for whoever sends it to the server that has them.
///
/// # Errors
///
/// When the command is unknown, or its keys cannot be told.
pub fn keys_of<'a, A: AsRef<[u8]>>(
    command: &'a [u8],
    arguments: &'a [A],
) -> Result<Vec<&'a [u8]>, Refusal> {
    let (command, words) = read(command, arguments)?;
    let command = command.map_err(|name| {
        let name = shown_name(&name);
        Refusal::unreadable(format!("where the keys of the Redis command {name} are is unknown"))
    })?;
    let mut keys = Vec::new();
    for spec in command.keys {
        spec.each_key::<Refused>(&words, &mut |key| {
            keys.push(key);
            Ok(())
        })?;
    }
    Ok(keys)
}

/// A call: its command, or the name of one that the table does not have, and its words.
type Call<'a> = (Result<&'static Command, Cow<'a, str>>, Words<'a>);

fn read<'a, A: AsRef<[u8]>>(command: &'a [u8], arguments: &'a [A]) -> Result<Call<'a>, Refusal> {
    let name = word(command).ok_or_else(|| {
        Refusal::unreadable(format!("`{}` is no name of a Redis command", shown(command)))
    })?;
    let words = std::iter::once(command).chain(arguments.iter().map(AsRef::as_ref));
    let words = Words { words: words.collect() };
    let name = full_name(name, &words)?;
    Ok((table::find(&name).ok_or(name), words))
}

/// A refusal on its way out of a key specification.
struct Refused(Refusal);

impl From<Unclear> for Refused {
    fn from(Unclear(why): Unclear) -> Self {
        Self(Refusal::unreadable(format!("the keys of the Redis command cannot be told: {why}")))
    }
}

impl From<Refused> for Refusal {
    fn from(Refused(refusal): Refused) -> Self {
        refusal
    }
}

/// A name as the table has it; `None` for what is no name.
fn word(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let plain = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| match text.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    })
}

/// A command's name with its subcommand, if it has some.
fn full_name<'a>(name: Cow<'a, str>, words: &Words<'_>) -> Result<Cow<'a, str>, Refusal> {
    if !table::has_subcommands(&name) {
        return Ok(name);
    }
    match words.get(1) {
        // `COMMAND` alone is a command, too.
        None if table::find(&name).is_some() => Ok(name),
        None => Err(Refusal::unreadable(format!("{} needs a subcommand", shown_name(&name)))),
        Some(subcommand) => match word(subcommand) {
            Some(subcommand) => Ok(format!("{name} {subcommand}").into()),
            None => Err(Refusal::unreadable(format!(
                "`{}` is no subcommand of {}",
                shown(subcommand),
                shown_name(&name)
            ))),
        },
    }
}

/// A name for messages.
fn shown_name(name: &str) -> String {
    shown(name.as_bytes()).to_uppercase()
}

/// For fuzzing: decides a call whose words are separated by zero bytes. It must end.
pub fn fuzz(data: &[u8]) {
    let grant = RedisGrant {
        keys: Pattern::parse("a:*").into_iter().collect(),
        commands: vec![CommandRule::Read, CommandRule::Write],
        ..RedisGrant::default()
    };
    let guard = RedisGuard::new(Section::new("fuzz", "redis", "fuzz"), &grant);
    let mut words = data.split(|byte| *byte == 0);
    let command = words.next().unwrap_or_default();
    let arguments: Vec<_> = words.collect();
    drop(guard.check(command, &arguments));
}
