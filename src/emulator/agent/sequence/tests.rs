//! The numbers on a bad network, and rule by rule.

use super::*;
use proptest::prelude::*;

/// A client by the book, an agent, and the messages between them.
struct Pair {
    link: Sequence,
    now: u64,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    /// Inputs the client has numbered, and those the agent took.
    inputs: u32,
    agent_took: Vec<u32>,
    /// Outputs of the guest, and those the client took.
    outputs: u32,
    client_took: Vec<u32>,
}

impl Pair {
    fn new() -> Self {
        Self {
            link: Sequence::new(false, 64),
            now: 0,
            up: VecDeque::new(),
            down: VecDeque::new(),
            inputs: 0,
            agent_took: Vec::new(),
            outputs: 0,
            client_took: Vec::new(),
        }
    }

    fn send(&mut self, kind: Kind, number: u32) {
        let payload = Bytes::copy_from_slice(&number.to_le_bytes());
        let mut frame = Frame::new(kind, Version::V1_02, 1, payload);
        frame.input_seq = number;
        frame.output_seq = u32::try_from(self.client_took.len()).unwrap();
        self.up.push_back(frame);
    }

    fn deliver_up(&mut self, room: bool) {
        let Some(frame) = self.up.pop_front() else {
            return;
        };
        let taken = self.link.take(&frame, room, self.now);
        if taken == Taken::Yes && frame.kind == Kind::Input {
            self.agent_took.push(frame.input_seq);
        }
    }

    fn deliver_down(&mut self) {
        let Some(frame) = self.down.pop_front() else {
            return;
        };
        if frame.kind == Kind::Sync {
            for number in frame.input_seq..=self.inputs {
                self.send(Kind::Input, number);
            }
            return;
        }
        let wanted = u32::try_from(self.client_took.len()).unwrap() + 1;
        if frame.output_seq == wanted {
            let number = u32::from_le_bytes(frame.payload[..].try_into().unwrap());
            self.client_took.push(number);
        } else if frame.output_seq > wanted {
            self.send(Kind::Sync, self.inputs);
        }
    }

    fn agent_sends(&mut self) {
        if let Some(frame) = self.link.next(self.now) {
            self.down.push_back(frame);
        }
    }

    fn guest_prints(&mut self) {
        if self.link.has_room() {
            self.outputs += 1;
            self.link
                .output(Bytes::copy_from_slice(&self.outputs.to_le_bytes()));
        }
    }

    fn step(&mut self, step: u8) {
        match step {
            0 | 1 => {
                self.inputs += 1;
                self.send(Kind::Input, self.inputs);
            }
            2 | 3 => self.guest_prints(),
            4..=6 => self.deliver_up(true),
            7 => self.deliver_up(false),
            8..=10 => self.agent_sends(),
            11..=13 => self.deliver_down(),
            14 => drop(self.up.pop_front()),
            15 => drop(self.down.pop_front()),
            16 => self.up.extend(self.up.front().cloned()),
            17 => self.down.extend(self.down.front().cloned()),
            18 => self.up.rotate_left(usize::from(self.up.len() > 1)),
            19 => self.down.rotate_left(usize::from(self.down.len() > 1)),
            20 => self.send(Kind::Sync, self.inputs),
            _ => self.now += 400,
        }
    }

    /// Resumes on a fresh connection that loses nothing.
    fn resume(&mut self) {
        self.up.clear();
        self.down.clear();
        self.now += 2000;
        self.send(Kind::Sync, self.inputs);
        while !self.up.is_empty() || !self.down.is_empty() || self.link.has_next() {
            self.deliver_up(true);
            self.link.make_up(self.now);
            self.agent_sends();
            self.deliver_down();
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_reordered_by_a_bad_network(
        steps in proptest::collection::vec(0u8..22, 0..400),
    ) {
        let mut pair = Pair::new();
        for step in steps {
            pair.step(step);
            prop_assert!(pair.link.bytes <= 64 && pair.link.sent <= pair.link.kept.len());
            prop_assert!(pair.agent_took.iter().copied().eq(1..=pair.link.taken));
        }
        pair.resume();
        prop_assert!(pair.agent_took.iter().copied().eq(1..=pair.inputs));
        prop_assert!(pair.client_took.iter().copied().eq(1..=pair.outputs));
    }

    #[test]
    fn any_message_is_survived(
        frames in proptest::collection::vec((0u8..9, any::<u32>(), any::<u32>(), any::<bool>()), 0..40),
        old in any::<bool>(),
    ) {
        let mut link = Sequence::new(old, 64);
        for (kind, input_seq, output_seq, new_client) in frames {
            if link.has_room() {
                link.output(Bytes::from_static(b"x"));
            }
            let kinds = [Kind::Input, Kind::Resize, Kind::Close, Kind::Sync, Kind::Unknown(9)];
            let kind = kinds[usize::from(kind) % kinds.len()];
            let version = if new_client { Version::V1_02 } else { Version::V1_01 };
            let mut frame = Frame::new(kind, version, 1, Bytes::new());
            (frame.input_seq, frame.output_seq) = (input_seq, output_seq);
            link.take(&frame, true, 5);
            link.next(5);
            prop_assert_eq!(link.bytes, link.kept.len());
        }
    }
}

fn input(number: u32, acknowledged: u32) -> Frame {
    let mut frame = Frame::new(Kind::Input, Version::V1_02, 1, Bytes::from("x"));
    (frame.input_seq, frame.output_seq) = (number, acknowledged);
    frame
}

#[test]
fn a_gap_is_asked_for_once_a_second() {
    let mut link = Sequence::new(false, 64);
    for (now, asks) in [(0, true), (1, false), (999, false), (1000, true)] {
        assert_eq!(link.take(&input(3, 0), true, now), Taken::No);
        assert_eq!(link.next(now).is_some(), asks, "at {now} ms");
    }
}

#[test]
fn what_found_no_room_is_asked_for_when_there_is_some() {
    let mut link = Sequence::new(false, 64);
    assert_eq!(link.take(&input(1, 0), false, 0), Taken::No);
    assert_eq!(link.take(&input(2, 0), false, 0), Taken::No);
    assert!(!link.has_next());
    link.make_up(0);
    let sync = link.next(0).unwrap();
    assert_eq!((sync.kind, sync.input_seq), (Kind::Sync, 1));
    link.make_up(0);
    assert!(!link.has_next());
}

#[test]
fn output_never_sent_can_not_be_acknowledged() {
    let mut link = Sequence::new(false, 64);
    link.output(Bytes::from("a"));
    link.take(&input(1, 1), true, 0);
    assert_eq!(link.next(0).unwrap().payload, "a");
    assert_eq!(link.bytes, 1);
    link.take(&input(2, 1), true, 0);
    assert_eq!(link.bytes, 0);
}

#[test]
fn nothing_is_kept_for_those_who_cannot_ask() {
    for (old, version) in [(true, Version::V1_02), (false, Version::V1_01)] {
        let mut link = Sequence::new(old, 64);
        let mut hello = input(0, 0);
        hello.version = version;
        assert_eq!(link.take(&hello, true, 0), Taken::Yes);
        link.output(Bytes::from("a"));
        let frame = link.next(0).unwrap();
        assert_eq!(frame.output_seq == 0, old);
        assert_eq!(link.bytes, 0);
    }
}
