use std::borrow::Cow;

use super::{
    event::{Event, Item, Response},
    items::{Emitted, ItemState, Items, Key, Kind, Reasoning},
    tool::{Call, Declared, is_callers},
    uses::Uses,
    whole_item::content,
};
use crate::{
    event::Delta,
    wire::{
        json::{Count, Text},
        json_text::JsonText,
        usage::Details,
    },
};

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    items: Items,
    /// The number of tool calls so far.
    calls: u32,
    emitted: Emitted,
    has_id: bool,
    has_model: bool,
    declared: Declared,
    /// The uses of the provider's tools, in the items that ended.
    uses: Uses,
}

impl AnswerState {
    /// Emits the ids of the response and the model, once each.
    pub(super) fn response(
        &mut self,
        response: &mut Response<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.declared.read(response.tools.0.take());
        let id = std::mem::take(&mut response.id).filled().filter(|_| !self.has_id);
        let model = std::mem::take(&mut response.model).filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    /// Reads a delta of text.
    pub(super) fn text(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(event.output_index, event.item_id.as_deref())) {
            item.emitted.text = true;
        }
        self.emitted.text = true;
        each(Delta::Text { choice: 0, text });
    }

    /// Reads a delta of a refusal.
    pub(super) fn refusal(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(event.output_index, event.item_id.as_deref())) {
            item.emitted.refusal = true;
        }
        self.emitted.refusal = true;
        each(Delta::Refusal { choice: 0, text });
    }

    /// Reads a delta of reasoning or of its summary. If an item has both, only the first one is emitted.
    pub(super) fn reasoning(
        &mut self,
        which: Reasoning,
        event: Event<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Some(text) = event.delta.filled() else { return };
        if let Some(item) = self.items.get(Key::new(event.output_index, event.item_id.as_deref())) {
            if *item.reasoning.get_or_insert(which) != which {
                return;
            }
            item.emitted.reasoning = true;
        }
        self.emitted.reasoning = true;
        each(Delta::Reasoning { choice: 0, text });
    }

    /// Reads a text that repeats its deltas: emits it if there were none.
    pub(super) fn done(
        &mut self,
        which: Repeated,
        event: Event<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let (text, refusal) = (event.text.filled(), event.refusal.filled());
        let key = Key::new(event.output_index, event.item_id.as_deref());
        let Some(item) = self.items.get(key).filter(|item| !item.done) else { return };
        let (before, now, text) = match which {
            Repeated::Text => (&mut item.emitted.text, &mut self.emitted.text, text),
            Repeated::Refusal => (&mut item.emitted.refusal, &mut self.emitted.refusal, refusal),
            Repeated::Reasoning => (&mut item.emitted.reasoning, &mut self.emitted.reasoning, text),
        };
        let Some(text) = text.filter(|_| !*before || item.by_done) else { return };
        // An item may have several parts.
        item.by_done |= !*before;
        (*before, *now) = (true, true);
        let choice = 0;
        each(match which {
            Repeated::Text => Delta::Text { choice, text },
            Repeated::Refusal => Delta::Refusal { choice, text },
            Repeated::Reasoning => Delta::Reasoning { choice, text },
        });
    }

    /// Announces an item. Its content is ignored, since it is repeated later.
    pub(super) fn open(&mut self, index: Count, item: Item<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let known = self.items.open(Key::new(index, item.id.as_deref()));
        if is_callers(&item, &self.declared) {
            let index = next(&mut self.calls);
            self.emitted.call = true;
            known.kind = Kind::Call(index);
            let Call { id, name, .. } = Call::of(item);
            known.named = id.is_some() && name.is_some();
            each(Delta::ToolCall { choice: 0, index, id, name, arguments: "".into() });
        } else if item.kind.as_deref().is_some() {
            known.kind = Kind::Other;
        }
    }

    /// Reads a fragment of a call's arguments, or their repetition as a whole.
    pub(super) fn arguments(
        &mut self,
        key: Key<'_>,
        arguments: CallArguments<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Some(item) = self.items.get(key) else { return };
        let Some(index) = call_index(item, &mut self.calls) else { return };
        let text = match arguments {
            CallArguments::Fragment(text) => item.arguments.push(text),
            CallArguments::FreeFragment(text) => {
                item.arguments.set_free();
                item.arguments.push(text)
            }
            CallArguments::Whole(text) => {
                text.whole().and_then(|text| item.arguments.complete(text))
            }
        };
        if let Some(text) = text {
            self.emitted.call = true;
            each(Delta::ToolCall { choice: 0, index, id: None, name: None, arguments: text });
        }
    }

    /// Reads a fragment of a command of a shell: a string in the arguments, which are `{"commands":[…` in the end.
    pub(super) fn command(&mut self, event: Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let key = Key::new(event.output_index, event.item_id.as_deref());
        let Some(item) = self.items.get(key).filter(|item| !item.done) else { return };
        let (Kind::Call(index), Some(text)) = (item.kind, event.delta.filled()) else { return };
        let place = event.command_index.0.unwrap_or(0);
        let before = match item.command.replace(place) {
            None => "{\"commands\":[\"",
            Some(known) if known != place => "\",\"",
            Some(_) => "",
        };
        // A string can always be serialized.
        let text = serde_json::to_string(&text).unwrap_or_default();
        let escaped = text.get(1..text.len() - 1).unwrap_or_default();
        let Some(arguments) = item.arguments.push(format!("{before}{escaped}").into()) else {
            return;
        };
        self.emitted.call = true;
        each(Delta::ToolCall { choice: 0, index, id: None, name: None, arguments });
    }

    /// Ends an item: emits the content that was not emitted before.
    pub(super) fn close(&mut self, index: Count, item: Item<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(known) = self.items.get(Key::new(index, item.id.as_deref())) else { return };
        known.open = false;
        if std::mem::replace(&mut known.done, true) {
            return;
        }
        let before = known.emitted;
        if !is_callers(&item, &self.declared) {
            self.uses.add(&item);
            if matches!(known.kind, Kind::Unknown) {
                known.kind = Kind::Other;
            }
            content(item, before, &mut self.emitted, each);
            return;
        }
        let is_new = known.kind == Kind::Unknown;
        let Some(index) = call_index(known, &mut self.calls) else { return };
        self.emitted.call = true;
        let Call { mut id, mut name, arguments } = Call::of(item);
        if known.named {
            (id, name) = (None, None);
        }
        let rest = known.arguments.end();
        let arguments = match rest {
            Some(rest) => Some(rest.into()),
            None => arguments.and_then(|all| known.arguments.complete(all)),
        };
        // Commands that were written in another way than the action in the end.
        let unclosed = known.command.is_some() && !known.arguments.are_whole();
        let arguments = arguments.or_else(|| unclosed.then(|| "\"]}".into()));
        if is_new || arguments.is_some() || id.is_some() || name.is_some() {
            let arguments = arguments.unwrap_or_default();
            each(Delta::ToolCall { choice: 0, index, id, name, arguments });
        }
    }

    /// Reads the output as a whole: emits the content of each kind that was not emitted before.
    ///
    /// By kind, since ids and positions of the items may differ from those of the events.
    pub(super) fn output(&mut self, items: Vec<Item<'_>>, each: &mut dyn FnMut(Delta<'_>)) {
        let before = self.emitted;
        let mut uses = Uses::default();
        for item in items {
            if !is_callers(&item, &self.declared) {
                uses.add(&item);
                content(item, before, &mut self.emitted, each);
            } else if !before.call {
                let index = next(&mut self.calls);
                let Call { id, name, arguments } = Call::of(item);
                let arguments = arguments.unwrap_or_default();
                self.emitted.call = true;
                each(Delta::ToolCall { choice: 0, index, id, name, arguments });
            }
        }
        self.uses.replace(uses);
    }

    /// Returns what the provider's tools were used for.
    pub(super) fn uses(&mut self) -> Details {
        std::mem::take(&mut self.uses).0
    }

    /// Emits the text of an answer without any item.
    pub(super) fn rest(&mut self, text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Emitted { text: has_text, refusal, reasoning: _, call } = self.emitted;
        if let Some(text) = text.filled().filter(|_| !(has_text || refusal || call)) {
            self.emitted.text = true;
            each(Delta::Text { choice: 0, text });
        }
    }

    /// Emits the rest of the arguments of calls whose end was not read.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.items.each_call(&mut |index, arguments| {
            if let Some(rest) = arguments.end() {
                let arguments = rest.into();
                each(Delta::ToolCall { choice: 0, index, id: None, name: None, arguments });
            }
        });
    }

    /// Returns whether content was emitted and no item is known to be unfinished.
    pub(super) fn looks_complete(&self) -> bool {
        let Emitted { text, refusal, reasoning: _, call } = self.emitted;
        (text || refusal || call) && !self.items.any_open()
    }
}

/// A text that is repeated after its deltas.
#[derive(Debug, Clone, Copy)]
pub(super) enum Repeated {
    Text,
    Refusal,
    Reasoning,
}

/// The arguments in an event.
#[derive(Debug)]
pub(super) enum CallArguments<'a> {
    Fragment(Cow<'a, str>),
    /// Of the input of a custom tool, which is text.
    FreeFragment(Cow<'a, str>),
    Whole(JsonText<'a>),
}

/// Returns the index of an item's tool call; `None` if the item is not a call.
fn call_index(item: &mut ItemState, calls: &mut u32) -> Option<u32> {
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
