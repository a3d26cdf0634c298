//! The messages that a session has to send besides data.

/// The question whether the agent has taken all input. Input is acknowledged with the next Output only, and
/// there may be none; but a ping's answer shows that what was sent before that ping has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// Not asked for: more input may come.
    Off,
    /// A ping is to follow the last of the input.
    Wanted,
    /// The ping with this number is under way.
    Asked(u32),
    /// It was answered.
    Done,
}

/// Messages that never wait behind data, in the order in which they are sent.
#[derive(Debug, Default)]
pub(super) struct ControlMessages {
    pub(super) sync: bool,
    pub(super) ping: bool,
    pub(super) close: bool,
    pub(super) resize: bool,
    pub(super) heartbeat: bool,
}
