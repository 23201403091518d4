use serde_json::Value;

use super::{
    event::{Event, Item, Response},
    items::{Items, Key, Kind, Known, Reasoning, Told},
    whole::{call, content, is_call},
};
use crate::{event::Delta, wire::json::Text};

/// What is known of an answer while it is read, streamed or whole.
#[derive(Debug, Default)]
pub(super) struct Answer {
    items: Items,
    /// How many tool calls there were.
    calls: u32,
    told: Told,
    /// Whether the answer's id and its model were told.
    id: bool,
    model: bool,
}

impl Answer {
    /// Tells who answers, the first time it is said.
    pub(super) fn response(
        &mut self,
        response: &mut Response<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let id = std::mem::take(&mut response.id).filled().filter(|_| !self.id);
        let model = std::mem::take(&mut response.model).filled().filter(|_| !self.model);
        if id.is_some() || model.is_some() {
            self.id |= id.is_some();
            self.model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    /// A piece of text.
    pub(super) fn text(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(&event.output_index, event.item_id.as_deref()))
        {
            item.told.text = true;
        }
        self.told.text = true;
        each(Delta::Text { choice: 0, text });
    }

    /// A piece of a refusal.
    pub(super) fn refusal(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(&event.output_index, event.item_id.as_deref()))
        {
            item.told.refusal = true;
        }
        self.told.refusal = true;
        each(Delta::Refusal { choice: 0, text });
    }

    /// A piece of reasoning, or of its summary. Where an item has both, the one that comes first is
    /// told.
    pub(super) fn reasoning(
        &mut self,
        which: Reasoning,
        event: Event<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(&event.output_index, event.item_id.as_deref()))
        {
            if *item.reasoning.get_or_insert(which) != which {
                return;
            }
            item.told.reasoning = true;
        }
        self.told.reasoning = true;
        each(Delta::Reasoning { choice: 0, text });
    }

    /// An item is announced. What it holds already comes again.
    pub(super) fn open(&mut self, index: &Value, item: Item<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let known = self.items.open(Key::new(index, item.id.as_deref()));
        if is_call(&item) {
            let index = next(&mut self.calls);
            self.told.call = true;
            known.kind = Kind::Call(index);
            let (id, name, _) = call(item);
            known.named = id.is_some() && name.is_some();
            each(Delta::ToolCall { choice: 0, index, id, name, arguments: "".into() });
        } else if item.kind.as_deref().is_some() {
            known.kind = Kind::Other;
        }
    }

    /// A fragment of a call's arguments, or all of them once more.
    pub(super) fn arguments(
        &mut self,
        key: Key<'_>,
        arguments: Arguments<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Some(item) = self.items.get(key) else { return };
        let Some(index) = call_of(item, &mut self.calls) else { return };
        let text = match arguments {
            Arguments::Fragment(text) => text.filled(),
            Arguments::All(text) => text.filled().filter(|_| !item.told.call),
        };
        if let Some(text) = text {
            item.told.call = true;
            self.told.call = true;
            each(Delta::ToolCall { choice: 0, index, id: None, name: None, arguments: text });
        }
    }

    /// An item has ended: tells what of it was not told.
    pub(super) fn close(&mut self, index: &Value, item: Item<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(known) = self.items.get(Key::new(index, item.id.as_deref())) else { return };
        known.open = false;
        if std::mem::replace(&mut known.done, true) {
            return;
        }
        let told = known.told;
        if !is_call(&item) {
            content(item, told, &mut self.told, each);
            return;
        }
        let fresh = known.kind == Kind::Unknown;
        let Some(index) = call_of(known, &mut self.calls) else { return };
        self.told.call = true;
        let (mut id, mut name, arguments) = call(item);
        if known.named {
            (id, name) = (None, None);
        }
        let arguments = arguments.filter(|_| !told.call);
        if fresh || arguments.is_some() || id.is_some() || name.is_some() {
            let arguments = arguments.unwrap_or_default();
            each(Delta::ToolCall { choice: 0, index, id, name, arguments });
        }
    }

    /// The output as a whole: tells what is of a kind of which nothing was told.
    ///
    /// By kind, since neither ids nor places of its items need be those of the events.
    pub(super) fn output(&mut self, items: Vec<Item<'_>>, each: &mut dyn FnMut(Delta<'_>)) {
        let told = self.told;
        for item in items {
            if !is_call(&item) {
                content(item, told, &mut self.told, each);
            } else if !told.call {
                let index = next(&mut self.calls);
                let (id, name, arguments) = call(item);
                let arguments = arguments.unwrap_or_default();
                self.told.call = true;
                each(Delta::ToolCall { choice: 0, index, id, name, arguments });
            }
        }
    }

    /// Whether something was told, and no item is known to be unfinished.
    pub(super) fn looks_complete(&self) -> bool {
        let Told { text, refusal, reasoning: _, call } = self.told;
        (text || refusal || call) && !self.items.any_open()
    }
}

/// A piece of a call's arguments.
#[derive(Debug)]
pub(super) enum Arguments<'a> {
    Fragment(Text<'a>),
    All(Text<'a>),
}

/// The index of an item's call; none where it is no call.
fn call_of(item: &mut Known, calls: &mut u32) -> Option<u32> {
    if item.kind == Kind::Unknown {
        item.kind = Kind::Call(next(calls));
    }
    match item.kind {
        Kind::Call(call) => Some(call),
        Kind::Unknown | Kind::Other => None,
    }
}

fn next(calls: &mut u32) -> u32 {
    let call = *calls;
    *calls = call.saturating_add(1);
    call
}
