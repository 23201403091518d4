//! How texts are passed to a protocol.

use super::{
    error,
    framed::Framed,
    halves::Halves,
    json::{ReadError, unwrapped},
    native::Natives,
    protocol::Protocol,
    shape::{Emitted, Shape},
};
use crate::event::Delta;

/// Ends an answer that is complete and not one of the protocol, such as the page of a proxy: it is an error, not a
/// truncated answer.
pub(in crate::wire) fn unreadable(body: &str, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::Error(error::unexpected(body)));
}

/// What an event is read with.
pub(in crate::wire) struct Reading<'r, P> {
    pub(in crate::wire) protocol: &'r mut P,
    pub(in crate::wire) shape: &'r mut Shape,
    pub(in crate::wire) natives: &'r mut Natives,
    pub(in crate::wire) halves: &'r mut Halves,
    pub(in crate::wire) ended: &'r mut bool,
}

impl<P: Protocol> Reading<'_, P> {
    /// Reads an event. Nothing is emitted after the last delta.
    pub(in crate::wire) fn read(&mut self, framed: Framed<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        match framed {
            _ if *self.ended => {}
            Framed::Lost => {
                self.finish(each);
                each(Delta::DecodeFault);
            }
            Framed::Failure(error) => {
                self.finish(each);
                until_end(self.ended, each)(Delta::Error(error.clone()));
            }
            Framed::Event(event) => {
                let data = unwrapped(unprefixed(event.data.trim_ascii()));
                let mut rest = None;
                if let Some(mut held) = self.halves.take() {
                    rest = held.join(data);
                    self.event(held.name.as_deref(), &held.data, each);
                } else if let Some(delta) = self.shape.read(event.event, data) {
                    each(delta);
                    return;
                }
                let data = rest.as_deref().unwrap_or(data);
                if !*self.ended && !self.halves.hold(event.event, data) {
                    self.event(event.event, data, each);
                }
            }
        }
    }

    /// Reads an event whose other half never came.
    pub(in crate::wire) fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(held) = self.halves.take() {
            self.event(held.name.as_deref(), &held.data, each);
        }
    }

    fn event(&mut self, name: Option<&str>, data: &str, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { protocol, shape, natives, ended, .. } = self;
        let learns = shape.forget();
        // An error by its name, whatever its data.
        if name.is_some_and(|name| name.eq_ignore_ascii_case("error")) {
            until_end(ended, each)(Delta::Error(error::in_band(data)));
            return;
        }
        let mut pieces = natives.event(data);
        // What is read with other parts is not known by its shape.
        let learns = learns && pieces.is_empty();
        let mut emitted = Emitted::default();
        let mut noted = |delta: Delta<'_>| {
            if learns {
                emitted.add(&delta, data);
            }
            pieces.pass(delta, each);
        };
        if !read_json(data, ended, &mut noted, |data, each| protocol.event(name, data, each)) {
            each(Delta::DecodeFault);
        } else if learns && protocol.repeats() {
            shape.learn(name, data, emitted);
        }
        if !**ended {
            pieces.end(each);
        }
    }
}

/// Strips the names of fields that a proxy leaves in the data when it makes events of events.
fn unprefixed(data: &str) -> &str {
    let mut data = data;
    while let Some(rest) = data.strip_prefix("data:") {
        data = rest.trim_ascii_start();
    }
    data
}

/// Reads a JSON text. If that fails and the text can be repaired, reads the repaired text; what is lost is a fault.
/// Returns whether the text was read.
pub(in crate::wire) fn read_json(
    json: &str,
    ended: &mut bool,
    each: &mut dyn FnMut(Delta<'_>),
    mut protocol: impl FnMut(&str, &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError>,
) -> bool {
    let mut each = until_end(ended, each);
    match protocol(json, &mut each) {
        Err(ReadError::Repaired(repaired)) => {
            if repaired.lossy {
                each(Delta::DecodeFault);
            }
            // Another error in the same text is not a second fault.
            protocol(&repaired.text, &mut each).is_ok() || repaired.lossy
        }
        read => read.is_ok(),
    }
}

/// Passes on deltas up to the one that ends the answer.
pub(in crate::wire) fn until_end<'a>(
    ended: &'a mut bool,
    each: &'a mut dyn FnMut(Delta<'_>),
) -> impl FnMut(Delta<'_>) + 'a {
    move |delta| {
        if !*ended {
            *ended = matches!(delta, Delta::Done | Delta::Error(_));
            each(delta);
        }
    }
}
