//! A command's standard input on its way: in frames, as far as the window is open.

use super::codec::RunnerFrame;
use bytes::{BufMut as _, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::VecDeque;
use std::io::Write as _;

/// The most bytes in a frame, before they are compressed.
const MOST_CLEAR: usize = 32 * 1024;

/// The most bytes in a frame, as they travel.
const MOST: usize = 24 * 1024;

/// Bytes that were sent and not taken yet, at most, before they are compressed.
const CLEAR_WINDOW: usize = 64 * 1024;

/// A page of the remote side's pipe, in bytes.
const PAGE: usize = 4096;

/// Pages that may be under way: a pipe has 16 on Linux. More than it holds would block the process
/// that also takes the signals.
const PAGES: usize = 15;

/// Less is not worth to be compressed.
const WORTH: usize = 256;

/// Frames that go as they are after one that could not be made much shorter.
const PAUSE: u32 = 15;

/// The sending end of standard input.
///
/// Of a command that does not read, one pipe (64 KiB on Linux) is filled, at most [`CLEAR_WINDOW`] bytes
/// are under way, and less than a frame and what the caller pushes at once wait here.
#[derive(Debug)]
pub(super) struct CommandInput {
    /// True if the remote side can decompress.
    compress: bool,
    /// Frames that go uncompressed before the next attempt.
    pause: u32,
    waiting: BytesMut,
    /// More comes at once: a frame waits until it is full, as long as another one is under way.
    bulk: bool,
    /// The frames that were sent and not yet taken, each in bytes and pages.
    under_way: VecDeque<(usize, usize)>,
    ended: bool,
    end_sent: bool,
    /// Nobody reads it.
    closed: bool,
}

impl CommandInput {
    pub(super) fn new(compress: bool) -> Self {
        Self {
            compress,
            pause: 0,
            waiting: BytesMut::new(),
            bulk: false,
            under_way: VecDeque::new(),
            ended: false,
            end_sent: false,
            closed: false,
        }
    }

    /// True if more is welcome. More is kept if it comes.
    pub(super) fn has_room(&self) -> bool {
        !self.ended && !self.closed && self.waiting.len() < MOST
    }

    /// Bytes of the user's.
    pub(super) fn push(&mut self, bytes: &[u8], remote: &mut BytesMut) {
        if !self.closed {
            self.bulk = bytes.len() >= MOST;
            self.waiting.put_slice(bytes);
            self.send(remote);
        }
    }

    /// There will be no more.
    pub(super) fn end(&mut self, remote: &mut BytesMut) {
        self.ended = true;
        self.send(remote);
    }

    /// Nobody reads it any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }

    /// A frame was taken. Returns whether one was under way.
    pub(super) fn credit(&mut self, remote: &mut BytesMut) -> bool {
        let taken = self.under_way.pop_front().is_some();
        self.send(remote);
        taken
    }

    /// True if all that was sent has been taken.
    pub(super) fn is_taken(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Bytes and pages that are under way.
    fn used(&self) -> (usize, usize) {
        let sum = |(clear, pages), (more, too): &(usize, usize)| (clear + more, pages + too);
        self.under_way.iter().fold((0, 0), sum)
    }

    fn send(&mut self, remote: &mut BytesMut) {
        while let Some((frame, content, clear)) = self.next_frame() {
            remote.put_slice(frame.header(content.len()).as_bytes());
            remote.put_slice(&content);
            self.under_way.push_back((clear, pages_of(content.len())));
            let _ = self.waiting.split_to(clear);
        }
        if self.ended && self.waiting.is_empty() && !self.end_sent && !self.closed {
            self.end_sent = true;
            remote.put_slice(RunnerFrame::Input.header(0).as_bytes());
        }
    }

    /// The next frame that fits the window, its content, and how many bytes it stands for.
    fn next_frame(&mut self) -> Option<(RunnerFrame, Vec<u8>, usize)> {
        let (clear, pages) = self.used();
        let room = PAGE * PAGES.saturating_sub(pages + 1);
        let len = self.waiting.len().min(CLEAR_WINDOW.saturating_sub(clear));
        let waits = self.bulk && len < MOST && !self.ended && !self.under_way.is_empty();
        // Small frames only because little came: not because little has room.
        if len == 0 || waits || room < len.min(MOST) {
            return None;
        }
        let most = len.min(MOST_CLEAR);
        if let Some(content) = self.compressed(most, room.min(MOST)) {
            return Some((RunnerFrame::CompressedInput, content, most));
        }
        let len = len.min(room).min(MOST);
        Some((RunnerFrame::Input, self.waiting.get(..len)?.to_vec(), len))
    }

    /// The first `len` bytes, if compressing them pays and makes no more than `room`.
    fn compressed(&mut self, len: usize, room: usize) -> Option<Vec<u8>> {
        if !self.compress || len < WORTH {
            return None;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(len), Compression::fast());
        encoder.write_all(self.waiting.get(..len)?).ok()?;
        let content = encoder.finish().ok()?;
        if content.len() < len / 10 * 9 {
            return Some(content).filter(|content| content.len() <= room);
        }
        self.pause = PAUSE;
        None
    }
}

/// Pages of a pipe that a frame takes, its header in one of its own.
fn pages_of(len: usize) -> usize {
    len.div_ceil(PAGE) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use std::io::Read as _;

    /// The bytes of `remote` that reach the command, and the number of frames that they came in.
    fn receive(mut remote: &[u8]) -> (Vec<u8>, usize, bool) {
        let (mut clear, mut frames, mut ended) = (Vec::new(), 0, false);
        while let Some((frame, len)) = RunnerFrame::decode(remote) {
            let content = &remote[RunnerFrame::HEADER..RunnerFrame::HEADER + len];
            match frame {
                RunnerFrame::CompressedInput => {
                    GzDecoder::new(content).read_to_end(&mut clear).unwrap();
                }
                RunnerFrame::Input => clear.extend_from_slice(content),
                other => panic!("{other:?}"),
            }
            ended |= len == 0;
            frames += usize::from(len > 0);
            remote = &remote[RunnerFrame::HEADER + len..];
        }
        assert!(remote.is_empty());
        (clear, frames, ended)
    }

    proptest! {
        #[test]
        fn all_arrives_in_frames_that_fit_the_window(
            pieces in prop::collection::vec((1usize..40_000, any::<bool>()), 0..12),
            compress: bool, seed: u64,
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut input, mut remote) = (CommandInput::new(compress), BytesMut::new());
            let (mut sent, mut received, mut frames) = (Vec::new(), Vec::new(), 0);
            for (len, noisy) in pieces {
                let piece: Vec<u8> = (0..len).map(|i| if noisy { random.u8(..) } else { i as u8 % 7 }).collect();
                input.push(&piece, &mut remote);
                sent.extend(piece);
                let pages: usize = input.under_way.iter().map(|(_, pages)| pages).sum();
                prop_assert!(pages <= PAGES);
                if random.bool() {
                    let (clear, count, _) = receive(&remote.split());
                    received.extend(clear);
                    for _ in 0..frames + count {
                        prop_assert!(input.credit(&mut remote));
                    }
                    frames = 0;
                }
            }
            input.end(&mut remote);
            let mut ended = false;
            while !ended {
                let (clear, count, end) = receive(&remote.split());
                received.extend(clear);
                ended = end;
                while !ended && input.credit(&mut remote) {}
                prop_assert!(ended || count > 0 || !remote.is_empty());
            }
            prop_assert!(received == sent);
        }
    }

    #[test]
    fn what_nobody_reads_stays_bounded() {
        let (mut input, mut remote) = (CommandInput::new(true), BytesMut::new());
        let mut read = 0;
        while input.has_room() {
            input.push(&[b'x'; 32 * 1024], &mut remote);
            read += 32 * 1024;
        }
        assert!(read < CLEAR_WINDOW + MOST + 32 * 1024, "{read}");
        while input.credit(&mut remote) {}
        assert!(input.has_room());
    }

    #[test]
    fn a_credit_for_nothing_is_noticed() {
        assert!(!CommandInput::new(false).credit(&mut BytesMut::new()));
    }

    #[test]
    fn nothing_goes_to_a_command_that_reads_no_more() {
        let (mut input, mut remote) = (CommandInput::new(false), BytesMut::new());
        input.close();
        input.push(b"late", &mut remote);
        input.end(&mut remote);
        assert!(remote.is_empty() && !input.has_room());
    }
}
