//! `Meter`: answers of Redis on their way in, none of them larger than a bound.
//!
//! The client reads an answer into memory whole, whatever its size. Here it is followed through
//! the protocol instead: what would make it too large is left out as it arrives, and an error
//! stands in its place. The answers behind it stay where they belong, so that those who share
//! the connection lose nothing.

use redis::Value;
use std::io;

/// The code of the error that stands in for what was left out.
pub(super) const CODE: &str = "ANSWERTOOLARGE";

/// Bytes of a line: a status, an error, a number, a length.
const MAX_LINE: usize = 64 << 10;

/// Lists inside of lists that are followed; the client itself gives up at a hundred.
const MAX_DEPTH: usize = 64;

/// Bytes that an element takes beside what is in it.
const ELEMENT: u64 = size_of::<Value>() as u64;

/// Follows one connection's answers.
#[derive(Debug)]
pub(super) struct Meter {
    most: u64,
    /// What the present answer may still take.
    left: u64,
    /// Whether something of the present answer was left out.
    over: bool,
    /// Whether the error stands in it.
    marked: bool,
    /// Whether that ever happened.
    overran: bool,
    /// The lists that the next element is inside of, outermost first.
    lists: Vec<List>,
    at: At,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
}

/// A list whose elements are not all here.
#[derive(Debug)]
struct List {
    missing: u64,
    /// Whether its elements are passed on.
    shown: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum At {
    /// A line, which is held back until it is whole.
    Line,
    /// The end of a line that was too long.
    LongLine,
    /// So many bytes of a text, its end included.
    Text { missing: u64, shown: bool },
}

impl Meter {
    /// A meter for answers of at most so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            left: most,
            over: false,
            marked: false,
            overran: false,
            lists: Vec::new(),
            at: At::Line,
            line: Vec::new(),
        }
    }

    /// Whether an answer was too large.
    pub(super) fn overran(&self) -> bool {
        self.overran
    }

    /// Takes what has arrived, and appends to `output` what may be read of it: hardly more than
    /// has arrived.
    ///
    /// # Errors
    ///
    /// When it is not the protocol: then nothing that follows can be understood.
    pub(super) fn feed(&mut self, mut input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        while !input.is_empty() {
            input = match self.at {
                At::Line => self.take_line(input, output)?,
                At::LongLine => self.skip_line(input),
                At::Text { missing, shown } => self.take_text(input, missing, shown, output),
            };
        }
        Ok(())
    }

    fn take_text<'a>(
        &mut self,
        input: &'a [u8],
        missing: u64,
        shown: bool,
        output: &mut Vec<u8>,
    ) -> &'a [u8] {
        let take = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        let (text, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
        if shown {
            output.extend_from_slice(text);
        }
        let missing = missing.saturating_sub(text.len() as u64);
        self.at = At::Text { missing, shown };
        if missing == 0 {
            self.ended();
        }
        rest
    }

    fn take_line<'a>(&mut self, input: &'a [u8], output: &mut Vec<u8>) -> io::Result<&'a [u8]> {
        let end = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
        let (piece, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
        self.line.extend_from_slice(piece);
        if self.line.ends_with(b"\r\n") {
            let line = std::mem::take(&mut self.line);
            self.begin(&line, output)?;
            // Its room serves the next one.
            self.line = line;
            self.line.clear();
        } else if self.line.len() > MAX_LINE {
            match self.line.first() {
                Some(b'+' | b'-' | b',' | b'(' | b'#' | b'_' | b':') => self.leave_out(output),
                _ => return Err(foreign()),
            }
            // A carriage return may be the last byte that is here.
            let keep = if self.line.ends_with(b"\r") { 1 } else { 0 };
            self.line.clear();
            self.line.extend(std::iter::repeat_n(b'\r', keep));
            self.at = At::LongLine;
        }
        Ok(rest)
    }

    fn skip_line<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        for (at, byte) in input.iter().enumerate() {
            if *byte == b'\n' && self.line == b"\r" {
                self.line.clear();
                self.ended();
                return input.get(at + 1..).unwrap_or_default();
            }
            self.line.clear();
            if *byte == b'\r' {
                self.line.push(b'\r');
            }
        }
        &[]
    }

    /// Begins the element that a line announces, or is.
    fn begin(&mut self, line: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let Some((kind, rest)) = line.split_first() else { return Err(foreign()) };
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {
                let bytes = rest.len() as u64;
                match self.shown() && self.charge(bytes) {
                    true => output.extend_from_slice(line),
                    false => self.leave_out(output),
                }
                self.ended();
            }
            b'$' | b'=' | b'!' => match length(rest)? {
                None => self.pass(line, output),
                Some(bytes) => {
                    let shown = self.shown() && self.charge(bytes);
                    match shown {
                        true => output.extend_from_slice(line),
                        false => self.leave_out(output),
                    }
                    self.at = At::Text { missing: bytes.saturating_add(2), shown };
                }
            },
            b'*' | b'~' | b'>' => match length(rest)? {
                None => self.pass(line, output),
                Some(elements) => self.list(line, elements, output)?,
            },
            b'%' => {
                let pairs = length(rest)?.ok_or_else(foreign)?;
                self.list(line, pairs.saturating_mul(2), output)?;
            }
            b'|' => {
                let pairs = length(rest)?.ok_or_else(foreign)?;
                self.list(line, pairs.saturating_mul(2).saturating_add(1), output)?;
            }
            _ => return Err(foreign()),
        }
        Ok(())
    }

    /// Begins a list of so many elements.
    fn list(&mut self, line: &[u8], elements: u64, output: &mut Vec<u8>) -> io::Result<()> {
        if self.lists.len() >= MAX_DEPTH {
            return Err(foreign());
        }
        let shown = self.shown() && self.charge(elements.saturating_mul(ELEMENT));
        match shown {
            true => output.extend_from_slice(line),
            false => self.leave_out(output),
        }
        if elements == 0 {
            self.ended();
        } else {
            self.lists.push(List { missing: elements, shown });
            self.at = At::Line;
        }
        Ok(())
    }

    /// Passes an element on that is no more than its line.
    fn pass(&mut self, line: &[u8], output: &mut Vec<u8>) {
        if self.shown() {
            output.extend_from_slice(line);
        }
        self.ended();
    }

    /// Whether the next element is passed on.
    fn shown(&self) -> bool {
        self.lists.last().is_none_or(|list| list.shown)
    }

    /// Takes bytes from what the answer may have; from then on nothing, if they are too many.
    fn charge(&mut self, bytes: u64) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => (self.left, self.over) = (0, true),
        }
        !self.over
    }

    /// Puts the error in the place of an element that is left out, if that place is passed on; and
    /// nothing in the places of those behind it.
    fn leave_out(&mut self, output: &mut Vec<u8>) {
        (self.left, self.over, self.overran) = (0, true, true);
        if !self.shown() {
            return;
        }
        match std::mem::replace(&mut self.marked, true) {
            false => output.extend_from_slice(format!("-{CODE} {}\r\n", self.most).as_bytes()),
            true => output.extend_from_slice(b"$-1\r\n"),
        }
    }

    /// An element is here; with it perhaps the lists that it was the last of, and the answer.
    fn ended(&mut self) {
        self.at = At::Line;
        while let Some(list) = self.lists.last_mut() {
            list.missing = list.missing.saturating_sub(1);
            if list.missing > 0 {
                return;
            }
            self.lists.pop();
        }
        (self.left, self.over, self.marked) = (self.most, false, false);
    }
}

/// The length that a line announces; none where there is nothing.
fn length(text: &[u8]) -> io::Result<Option<u64>> {
    let text = str::from_utf8(text).map_err(|_| foreign())?.trim();
    match text.parse::<i64>() {
        Ok(number) => Ok(u64::try_from(number).ok()),
        Err(_) => Err(foreign()),
    }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server does not speak the protocol of Redis")
}

/// For fuzzing: follows answers, which arrive in pieces of some size or all at once, which must
/// make no difference; little more than what arrived is passed on.
pub(crate) fn fuzz(data: &[u8]) {
    let Some((size, answers)) = data.split_first() else { return };
    let most = 500;
    let follow = |size: usize| {
        let (mut meter, mut output) = (Meter::new(most), Vec::new());
        let fed = answers.chunks(size).try_for_each(|piece| meter.feed(piece, &mut output));
        (fed.is_ok(), meter.overran(), output)
    };
    let whole = follow(answers.len().max(1));
    // What was passed on before the protocol broke may differ.
    let pieces = follow(usize::from(*size).max(1));
    assert_eq!((whole.0, whole.1), (pieces.0, pieces.1));
    assert!(!whole.0 || whole.2 == pieces.2);
    // The shortest element that an error takes the place of has three bytes.
    assert!(whole.2.len() <= answers.len().saturating_mul(10));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed on of `input`, which arrives in pieces of every size.
    fn passed(most: u64, input: &[u8]) -> (String, bool) {
        let mut all = Vec::new();
        for size in 1..=input.len() {
            let mut meter = Meter::new(most);
            let mut output = Vec::new();
            for piece in input.chunks(size) {
                meter.feed(piece, &mut output).unwrap();
            }
            all.push((String::from_utf8(output).unwrap(), meter.overran()));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "pieces make a difference: {all:?}");
        all.remove(0)
    }

    #[test]
    fn answers_within_the_bound_are_passed_on_as_they_are() {
        let answers = "+OK\r\n:7\r\n$-1\r\n*-1\r\n$3\r\na\nb\r\n*2\r\n$1\r\na\r\n*1\r\n-ERR x\r\n\
            *0\r\n%1\r\n+k\r\n_\r\n~1\r\n#t\r\n,1.5\r\n(99\r\n=5\r\ntxt:x\r\n$0\r\n\r\n";
        assert_eq!(passed(10_000, answers.as_bytes()), (answers.to_owned(), false));
    }

    #[test]
    fn a_text_that_is_too_long_is_an_error_and_the_answer_behind_it_arrives() {
        let (output, overran) = passed(4, b"$5\r\nab\r\nc\r\n+OK\r\n");
        assert_eq!((output.as_str(), overran), ("-ANSWERTOOLARGE 4\r\n+OK\r\n", true));
    }

    #[test]
    fn a_list_that_grows_too_large_keeps_its_shape() {
        let most = 3 * ELEMENT + 4;
        let (output, overran) = passed(most, b"*3\r\n$3\r\nabc\r\n$3\r\ndef\r\n$1\r\ng\r\n:1\r\n");
        let error = format!("-{CODE} {most}\r\n");
        assert_eq!(output, format!("*3\r\n$3\r\nabc\r\n{error}$-1\r\n:1\r\n"));
        assert!(overran);
    }

    #[test]
    fn a_list_of_too_many_elements_is_one_error_however_deep_it_is() {
        let inner = "*2\r\n*1\r\n+a\r\n$1\r\nb\r\n";
        let input = format!("*9\r\n{}+OK\r\n", inner.repeat(9));
        let (output, _) = passed(8 * ELEMENT, input.as_bytes());
        assert_eq!(output, format!("-{CODE} {}\r\n+OK\r\n", 8 * ELEMENT));
    }

    #[test]
    fn a_line_without_end_is_not_gathered() {
        let mut meter = Meter::new(1 << 30);
        let mut output = Vec::new();
        meter.feed(b"+", &mut output).unwrap();
        for _ in 0..100 {
            meter.feed(&[b'x'; 4096], &mut output).unwrap();
        }
        assert!(meter.line.len() <= MAX_LINE + 4096);
        meter.feed(b"\r\n+OK\r\n", &mut output).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), format!("-{CODE} {}\r\n+OK\r\n", 1 << 30));
    }

    #[test]
    fn what_is_not_the_protocol_ends_the_connection() {
        let deep = "*1\r\n".repeat(MAX_DEPTH + 1);
        for input in ["HTTP/1.1 400 Bad Request\r\n", "$x\r\n", "$?\r\n", &deep] {
            let fed = Meter::new(100_000).feed(input.as_bytes(), &mut Vec::new());
            assert!(fed.is_err(), "{input}");
        }
    }
}
