//! The user's input: data for the remote side, and escape sequences for axt.

use super::{Notice, Outcome, Pump};
use crate::protocol::escape::{Escape, Typed};

impl Pump<'_> {
    pub(super) fn typed(&mut self) {
        let typed = self.user.typed.split();
        match &mut self.options.escape {
            None => self.filter.input(&typed, &mut self.flow),
            Some(escape) => {
                for part in escape.feed(&typed) {
                    self.escaped(part);
                }
            }
        }
    }

    /// True if input should be read. Without a connection, a terminal is read even if the buffer is full,
    /// because an escape sequence may come.
    pub(super) fn has_use_for_input(&self) -> bool {
        self.channel.can_write() || (self.options.escape.is_some() && !self.wire.is_up())
    }

    /// Passes input on, or tells the user once that it is dropped.
    fn typed_data(&mut self, bytes: &[u8]) {
        if self.channel.can_write() || self.wire.is_up() {
            self.filter.input(bytes, &mut self.flow);
        } else if !self.said_full {
            self.said_full = true;
            self.host.notice(Notice::InputFull);
        }
    }

    fn escaped(&mut self, typed: Typed) {
        match typed {
            Typed::Data(bytes) => self.typed_data(&bytes),
            Typed::End => self.conclude(Outcome::Escaped),
            Typed::Status => {
                let condition = self.channel.condition();
                self.host.notice(Notice::Status(condition));
            }
            Typed::Help => {
                let escape = self.options.escape.as_ref().map(Escape::name);
                let escape = escape.unwrap_or_default();
                self.host.notice(Notice::Help { escape });
            }
            Typed::Suspend => self.host.suspend(),
        }
    }
}
