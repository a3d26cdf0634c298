//! The protocol of the runner: frames to it and lines from it. Any bytes can be decoded.

/// Characters of base64 in a line, except for the last line of a chunk.
pub const LINE: usize = 3900;

/// The most bytes of a command's stream that are encoded at once.
pub const CHUNK: usize = 64 * 1024;

/// The most lines of a chunk: base64 makes four of three, and gzip makes incompressible bytes longer.
const CHUNK_LINES: usize = CHUNK.div_ceil(3) * 4 / LINE + 2;

/// The longest content of a frame.
pub const LONGEST_FRAME: usize = 9_999_999;

/// A frame from the client: a letter, the length of the content in seven digits, the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerFrame {
    /// The text that sets a command up and runs it.
    Script,
    /// Bytes of its standard input; an empty frame is the end.
    Input,
    /// A chunk of standard input, compressed by gzip.
    CompressedInput,
    /// The end of the command: no input follows, and the runner says when it is ready for another one.
    End,
    /// The arguments of `kill`.
    Signal,
    /// Reads the command's streams no longer.
    Release,
}

impl RunnerFrame {
    const ALL: [(Self, u8); 6] = [
        (Self::Script, b'x'),
        (Self::Input, b'd'),
        (Self::CompressedInput, b'D'),
        (Self::End, b'e'),
        (Self::Signal, b's'),
        (Self::Release, b'k'),
    ];

    /// Bytes of a frame before its content.
    pub const HEADER: usize = 8;

    /// The header of a frame with `len` bytes of content, at most [`LONGEST_FRAME`].
    #[must_use]
    pub fn header(self, len: usize) -> String {
        let found = Self::ALL.iter().find(|(frame, _)| *frame == self);
        let letter = found.map_or('?', |(_, letter)| char::from(*letter));
        format!("{letter}{len:07}")
    }

    /// Reads the header at the beginning of `bytes`: the type of the frame and the length of its content.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (letter, digits) = bytes.get(..Self::HEADER)?.split_first()?;
        let (frame, _) = Self::ALL.iter().find(|(_, known)| known == letter)?;
        Some((*frame, number(digits)?))
    }
}

/// A stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// A message of the runner: one line after the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A piece of a stream.
    Data(Data<'a>),
    /// The stream has ended; this is its last line.
    StreamEnd {
        /// The stream.
        stream: OutputStream,
        /// The number of the line in its stream.
        number: usize,
    },
    /// The process to send signals to, as the argument of `kill`: a group begins with `-`.
    Process(&'a str),
    /// The command's status; `None` when what was to report it is gone.
    Status(Option<u8>),
    /// A frame of input was taken.
    Credit,
    /// Nobody reads the input any more.
    InputClosed,
    /// A process of the runner was killed or its input cut.
    Disturbed,
    /// The user's shell, which can't be used: `sh` is.
    Unusable(&'a str),
    /// The command is over; the next may come.
    Idle,
}

/// A piece of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// The stream.
    pub stream: OutputStream,
    /// The number of the line in its stream, from 1.
    pub number: usize,
    /// True if the chunk, of which this is a part, is compressed.
    pub compressed: bool,
    /// The number of the chunk's lines from this one on.
    pub lines: usize,
    /// Base64.
    pub text: &'a [u8],
}

impl<'a> Line<'a> {
    /// Reads the text after the mark, without the newline; `None` for a damaged line.
    #[must_use]
    pub fn decode(line: &'a [u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        match (kind, rest) {
            (b'o', rest) => in_stream(OutputStream::Output, rest),
            (b'e', rest) => in_stream(OutputStream::Error, rest),
            (b'p', rest) => process(rest).map(Self::Process),
            (b's', b"?") => Some(Self::Status(None)),
            (b's', rest) => Some(Self::Status(Some(u8::try_from(number(rest)?).ok()?))),
            (b'+', b"") => Some(Self::Credit),
            (b'z', b"") => Some(Self::InputClosed),
            (b'!', b"") => Some(Self::Disturbed),
            (b'.', b"") => Some(Self::Idle),
            (b'u', rest) => Some(Self::Unusable(std::str::from_utf8(rest).ok()?)),
            _ => None,
        }
    }

    /// The line as the runner writes it, without mark and newline.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Data(data) => {
                let Data {
                    stream,
                    number,
                    compressed,
                    lines,
                    text,
                } = data;
                let flag = if *compressed { 'Z' } else { 'P' };
                let len = text.len();
                let mut line =
                    format!("{}{number}{flag}{lines},{len},", letter(*stream)).into_bytes();
                line.extend_from_slice(text);
                line
            }
            Self::StreamEnd { stream, number } => {
                format!("{}{number}.", letter(*stream)).into_bytes()
            }
            Self::Process(process) => format!("p{process}").into_bytes(),
            Self::Status(None) => b"s?".to_vec(),
            Self::Status(Some(status)) => format!("s{status}").into_bytes(),
            Self::Credit => b"+".to_vec(),
            Self::InputClosed => b"z".to_vec(),
            Self::Disturbed => b"!".to_vec(),
            Self::Unusable(shell) => format!("u{shell}").into_bytes(),
            Self::Idle => b".".to_vec(),
        }
    }
}

fn letter(stream: OutputStream) -> char {
    match stream {
        OutputStream::Output => 'o',
        OutputStream::Error => 'e',
    }
}

fn in_stream(stream: OutputStream, rest: &[u8]) -> Option<Line<'_>> {
    let (number, rest) = leading_number(rest)?;
    let (flag, rest) = rest.split_first()?;
    let compressed = match (flag, rest) {
        (b'.', b"") => return Some(Line::StreamEnd { stream, number }),
        (b'P', _) => false,
        (b'Z', _) => true,
        _ => return None,
    };
    let (lines, rest) = leading_number(rest)?;
    let (len, text) = leading_number(rest.strip_prefix(b",")?)?;
    let text = text.strip_prefix(b",")?;
    // All but the last line of a chunk are full; a group of base64 has four characters.
    let whole = text.len() == len && len % 4 == 0 && (1..=LINE).contains(&len);
    let full = lines == 1 || len == LINE;
    let fits = (1..=CHUNK_LINES).contains(&lines);
    (whole && full && fits).then_some(Line::Data(Data {
        stream,
        number,
        compressed,
        lines,
        text,
    }))
}

/// A number as the runner writes it: digits only, no needless zero in front, not too many.
fn leading_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(len);
    let plain = digits == b"0" || digits.first() != Some(&b'0');
    Some((number(digits)?, rest)).filter(|_| plain)
}

fn number(digits: &[u8]) -> Option<usize> {
    let plain = digits.iter().all(u8::is_ascii_digit) && (1..=18).contains(&digits.len());
    let digits = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    digits.parse().ok()
}

/// A process id, perhaps of a group. 0, 1 and -1 are no process of the command's.
fn process(text: &[u8]) -> Option<&str> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (id, rest) = leading_number(digits)?;
    let text = std::str::from_utf8(text).ok()?;
    (rest.is_empty() && id > 1).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream() -> impl Strategy<Value = OutputStream> {
        prop_oneof![Just(OutputStream::Output), Just(OutputStream::Error)]
    }

    proptest! {
        #[test]
        fn lines_decode_to_what_was_encoded(
            stream in stream(), number in 0usize..1 << 40, compressed: bool,
            lines in 1usize..=CHUNK_LINES, len in 1usize..=LINE / 4, status: Option<u8>, pid in 2u32.., group: bool,
        ) {
            let text = vec![b'A'; if lines == 1 { len * 4 } else { LINE }];
            let process = format!("{}{pid}", if group { "-" } else { "" });
            for line in [
                Line::Data(Data { stream, number, compressed, lines, text: &text }),
                Line::StreamEnd { stream, number },
                Line::Process(&process),
                Line::Status(status),
                Line::Credit, Line::InputClosed, Line::Disturbed, Line::Idle,
                Line::Unusable("/sbin/nologin"),
            ] {
                let encoded = line.encode();
                prop_assert_eq!(Line::decode(&encoded), Some(line));
            }
        }

        #[test]
        fn what_decodes_is_what_would_be_encoded(line in "[oespu+z!.][0-9]{0,3}[PZ.]?[0-9]{0,2},?[0-9]{0,2},?[A-Za-z=-]{0,12}") {
            if let Some(decoded) = Line::decode(line.as_bytes()) {
                // Only a status may have zeros in front.
                prop_assert!(decoded.encode() == line.as_bytes() || matches!(decoded, Line::Status(_)));
            }
        }

        #[test]
        fn a_line_that_lost_or_won_a_byte_is_no_line(len in 1usize..900, at: prop::sample::Index, won: Option<u8>) {
            let text = vec![b'A'; len * 4];
            let data = Data { stream: OutputStream::Output, number: 7, compressed: false, lines: 1, text: &text };
            let mut line = Line::Data(data).encode();
            let from = line.len() - text.len();
            let at = from + at.index(text.len());
            match won {
                Some(byte) => line.insert(at, byte),
                None => drop(line.remove(at)),
            }
            prop_assert_eq!(Line::decode(&line), None);
        }

        #[test]
        fn any_bytes_are_a_line_or_none(bytes: Vec<u8>) {
            let _ = Line::decode(&bytes);
            let _ = RunnerFrame::decode(&bytes);
        }

        #[test]
        fn frames_decode_to_what_was_encoded(len in 0usize..=LONGEST_FRAME, which in 0usize..6) {
            let (frame, _) = RunnerFrame::ALL[which];
            let header = frame.header(len);
            prop_assert_eq!(header.len(), RunnerFrame::HEADER);
            prop_assert_eq!(RunnerFrame::decode(header.as_bytes()), Some((frame, len)));
        }
    }

    #[test]
    fn what_is_no_process_of_the_commands_is_none() {
        for process in ["0", "1", "-1", "-0", "", "-", "12x", "--5", "012"] {
            let line = format!("p{process}");
            assert_eq!(Line::decode(line.as_bytes()), None, "{process}");
        }
    }
}
