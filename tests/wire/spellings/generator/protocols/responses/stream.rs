//! The events of a streamed answer, in which each content comes up to four times.

use super::{
    super::super::{
        answer::Answer,
        choices::{Axis, Choices, axis},
        framing::Event,
        json::{Json, object},
        outcome::Outcome,
        splits::{growing, split_units},
    },
    beginning,
    items::{Item, Kind, all},
    response,
};

axis! {
    /// In which events content is.
    ContentIn {
        All,
        DeltasOnly,
        DoneOnly,
        DoneAndItem,
        ItemOnly,
        ResponseOnly,
        /// The last event has no output, as it is behind some gateways.
        NotInResponse,
    }
}

axis! {
    /// Arguments in deltas that have all so far.
    ArgumentDeltas { Pieces, Growing }
}

axis! {
    OutputIndexes { Proper, Shared, Missing }
}

axis! {
    ItemIds { Present, Absent }
}

axis! {
    ItemsOrder { OneByOne, OpenedFirst }
}

axis! {
    /// What an item has as it begins.
    ItemAdded { Empty, WithArguments, NotSent }
}

axis! {
    Beginning { Created, CreatedAndInProgress, Queued, Missing }
}

struct Style {
    content: ContentIn,
    deltas: ArgumentDeltas,
    indexes: OutputIndexes,
    ids: ItemIds,
    added: ItemAdded,
}

/// The events of a streamed answer.
pub fn stream(answer: &Answer, expected: &mut Outcome, choices: &mut Choices<'_>) -> Vec<Event> {
    let mut style = Style {
        content: choices.axis(),
        deltas: choices.axis(),
        indexes: choices.axis(),
        ids: choices.axis(),
        added: choices.axis(),
    };
    if style.indexes != OutputIndexes::Proper {
        // Else nothing tells the items apart.
        style.ids = ItemIds::Present;
    }
    if matches!(style.content, ContentIn::DeltasOnly | ContentIn::DoneOnly)
        && style.added == ItemAdded::NotSent
    {
        // Only the items name the calls.
        style.added = ItemAdded::Empty;
    }
    let items = all(answer, choices);
    let mut events = match choices.axis() {
        Beginning::Created => vec!["created"],
        Beginning::CreatedAndInProgress => vec!["created", "in_progress"],
        Beginning::Queued => vec!["queued", "in_progress"],
        Beginning::Missing => vec![],
    }
    .into_iter()
    .map(|kind| lifecycle(kind, beginning(answer, "in_progress")))
    .collect::<Vec<_>>();
    if style.content != ContentIn::ResponseOnly {
        let parts = (0..).zip(&items).map(|(at, item)| style.item(at, item, choices));
        let parts: Vec<Vec<Event>> = parts.collect();
        let opened = style.added != ItemAdded::NotSent
            && choices.axis::<ItemsOrder>() == ItemsOrder::OpenedFirst;
        let first = usize::from(opened);
        parts.iter().for_each(|events_of| events.extend_from_slice(&events_of[..first]));
        parts.iter().for_each(|events_of| events.extend_from_slice(&events_of[first..]));
    }
    let output = match style.content {
        ContentIn::All | ContentIn::ResponseOnly | ContentIn::ItemOnly => {
            Json::List(items.into_iter().map(|item| item.done).collect())
        }
        _ => Json::List(vec![]),
    };
    let kind = if answer.cut_short { "incomplete" } else { "completed" };
    events.push(lifecycle(kind, response(answer, expected, output, choices)));
    events
}

fn lifecycle(kind: &'static str, response: Json) -> Event {
    let name = match kind {
        "created" => "response.created",
        "in_progress" => "response.in_progress",
        "queued" => "response.queued",
        "incomplete" => "response.incomplete",
        _ => "response.completed",
    };
    Event::named(name, object! { "type": name, "response": response })
}

impl Style {
    /// The events of an item.
    fn item(&self, at: u64, item: &Item, choices: &mut Choices<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let of_item = |name: &'static str, json: &Json| {
            self.event(name, at, object! { "item": json.clone() })
        };
        match self.added {
            ItemAdded::NotSent => {}
            ItemAdded::WithArguments if item.kind == Kind::Call => {
                events.push(of_item("response.output_item.added", &item.done));
            }
            _ => events.push(of_item("response.output_item.added", &item.added)),
        }
        let (delta, done, member) = match item.kind {
            Kind::Text => ("response.output_text.delta", "response.output_text.done", "text"),
            Kind::Reasoning => {
                ("response.reasoning_text.delta", "response.reasoning_text.done", "text")
            }
            Kind::Summary => (
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "text",
            ),
            Kind::Call => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "arguments",
            ),
        };
        let id = |json: Json| match self.ids {
            ItemIds::Present => json.with("item_id", &item.id),
            ItemIds::Absent => json,
        };
        let (in_deltas, in_done, in_item) = match self.content {
            ContentIn::All | ContentIn::NotInResponse => (true, true, true),
            ContentIn::DeltasOnly => (true, false, false),
            ContentIn::DoneOnly => (false, true, false),
            ContentIn::DoneAndItem => (false, true, true),
            ContentIn::ItemOnly | ContentIn::ResponseOnly => (false, false, true),
        };
        if in_deltas {
            let grows = self.deltas == ArgumentDeltas::Growing && item.kind == Kind::Call;
            let pieces: Vec<Json> = match &item.text {
                Json::Text(text) if grows => texts(growing(text, choices)),
                Json::Text(text) => texts(split_units(text, choices)),
                value => vec![value.clone()],
            };
            let each = |piece| self.event(delta, at, id(object! { "delta": piece }));
            events.extend(pieces.into_iter().map(each));
        }
        if in_done {
            events.push(self.event(done, at, id(object! {}.with(member, item.text.clone()))));
        }
        if in_item {
            events.push(of_item("response.output_item.done", &item.done));
        }
        events
    }

    fn event(&self, name: &'static str, at: u64, mut json: Json) -> Event {
        json.add("type", name);
        match self.indexes {
            OutputIndexes::Proper => json.add("output_index", Json::Index(at)),
            OutputIndexes::Shared => json.add("output_index", Json::Index(0)),
            OutputIndexes::Missing => {}
        }
        Event::named(name, json)
    }
}

fn texts(all: Vec<String>) -> Vec<Json> {
    all.into_iter().map(Json::Text).collect()
}
