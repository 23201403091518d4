//! The tool calls of a chat answer.

use super::super::super::{
    answer::Call,
    choices::{Axis, Choices, axis},
    json::{Json, object},
    outcome::Outcome,
    splits::{argument_text, as_text, growing, split},
};

axis! {
    /// How arguments come.
    Arguments {
        InPieces,
        Whole,
        /// Each fragment has all so far.
        Growing,
        /// In pieces, and then all of them again.
        ResentAtTheEnd,
        /// An empty object first, the real ones later.
        EmptyObjectFirst,
        /// An object in place of a text.
        AsObject,
    }
}

axis! {
    CallIds { OnFirst, OnEach, EmptyLater, NullLater, Never }
}

axis! {
    CallNames {
        OnFirst,
        OnEach,
        EmptyLater,
        NullLater,
        Late,
        InPieces,
        /// Each fragment has all of the name so far.
        Growing,
    }
}

axis! {
    CallIndexes { Proper, FromOne, Missing, AllZero }
}

axis! {
    /// How the fragments of several calls follow each other.
    CallsOrder { OneByOne, SideBySide }
}

/// The fragments of all calls: each inner list is one `tool_calls`.
pub fn fragments(
    calls: &[Call],
    expected: &mut Outcome,
    choices: &mut Choices<'_>,
) -> Vec<Vec<Json>> {
    let mut style = Style {
        arguments: choices.axis(),
        ids: choices.axis(),
        names: choices.axis(),
        indexes: choices.axis(),
    };
    style.be_fair(calls);
    if style.ids == CallIds::Never {
        expected.calls.iter_mut().for_each(|call| call.id.clear());
    }
    let order: CallsOrder = choices.axis();
    // Without indexes of their own, only what is whole can be told apart.
    let apart =
        matches!(style.indexes, CallIndexes::Missing | CallIndexes::AllZero) && !style.is_whole();
    let all: Vec<Vec<Json>> =
        (0..).zip(calls).map(|(at, call)| style.call(at, call, choices)).collect();
    if order == CallsOrder::OneByOne || apart {
        return all.into_iter().flatten().map(|fragment| vec![fragment]).collect();
    }
    let longest = all.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .map(|at| all.iter().filter_map(|fragments| fragments.get(at).cloned()).collect())
        .collect()
}

struct Style {
    arguments: Arguments,
    ids: CallIds,
    names: CallNames,
    indexes: CallIndexes,
}

impl Style {
    fn is_whole(&self) -> bool {
        matches!(self.arguments, Arguments::Whole | Arguments::AsObject)
    }

    /// Gives up what no client could read.
    fn be_fair(&mut self, calls: &[Call]) {
        let vague = matches!(self.indexes, CallIndexes::Missing | CallIndexes::AllZero);
        if vague || self.ids == CallIds::Never {
            // Only the name tells that a call begins.
            self.names = CallNames::OnFirst;
        }
        if vague && self.ids == CallIds::Never {
            // Two calls without arguments would be the same call.
            match calls.iter().any(|call| call.arguments == serde_json::json!({})) {
                true => self.ids = CallIds::OnFirst,
                false if !self.is_whole() => self.arguments = Arguments::Whole,
                false => {}
            }
        }
    }

    fn call(&self, at: u64, call: &Call, choices: &mut Choices<'_>) -> Vec<Json> {
        let text = argument_text(&call.arguments, choices);
        let mut pieces: Vec<Json> = match self.arguments {
            Arguments::InPieces => texts(split(&text, choices)),
            Arguments::Whole => vec![text.into()],
            Arguments::Growing => texts(growing(&text, choices)),
            Arguments::ResentAtTheEnd => {
                let mut all = split(&text, choices);
                // Of an empty object, or of one piece, nobody could tell that it is a repetition.
                if all.len() > 1 {
                    all.push(text);
                }
                texts(all)
            }
            Arguments::EmptyObjectFirst => {
                let rest = if text == "{}" { vec![] } else { split(&text, choices) };
                let mut all = vec!["{}".to_owned()];
                all.extend(rest);
                texts(all)
            }
            Arguments::AsObject => vec![Json::Data(call.arguments.clone())],
        };
        // OpenAI opens a call with an empty text.
        if matches!(self.arguments, Arguments::InPieces | Arguments::ResentAtTheEnd) {
            pieces.insert(0, "".into());
        }
        if matches!(self.names, CallNames::InPieces | CallNames::Growing) {
            pieces.insert(0, "".into());
        }
        let last = pieces.len() - 1;
        let pieces = pieces.into_iter().enumerate();
        pieces.map(|(piece, text)| self.fragment(at, piece, piece == last, text, call)).collect()
    }

    fn fragment(&self, at: u64, piece: usize, is_last: bool, text: Json, call: &Call) -> Json {
        let first = piece == 0;
        let mut json = match self.indexes {
            CallIndexes::Proper => object! { "index": Json::Index(at) },
            CallIndexes::FromOne => object! { "index": Json::Index(at + 1) },
            CallIndexes::Missing => object! {},
            CallIndexes::AllZero => object! { "index": Json::Index(0) },
        };
        match self.ids {
            CallIds::Never => json.add("id", ""),
            CallIds::OnEach => json.add("id", &call.id),
            _ if first => json.add("id", &call.id),
            CallIds::OnFirst => {}
            CallIds::EmptyLater => json.add("id", ""),
            CallIds::NullLater => json.add("id", Json::NULL),
        }
        let mut function = object! { "arguments": text };
        match self.names {
            CallNames::OnEach => function.add("name", &call.name),
            CallNames::InPieces | CallNames::Growing if first => {
                function.add("name", &call.name[..3]);
            }
            CallNames::InPieces if piece == 1 => function.add("name", &call.name[3..]),
            CallNames::Growing => function.add("name", &call.name),
            CallNames::InPieces => {}
            CallNames::Late if is_last => function.add("name", &call.name),
            CallNames::Late => {}
            _ if first => function.add("name", &call.name),
            CallNames::OnFirst => {}
            CallNames::EmptyLater => function.add("name", ""),
            CallNames::NullLater => function.add("name", Json::NULL),
        }
        json.with("type", "function").with("function", function)
    }
}

/// The calls of a whole answer.
pub fn whole(calls: &[Call], choices: &mut Choices<'_>) -> Json {
    let each = |call: &Call| {
        let arguments = as_text(&call.arguments, choices);
        let function = object! { "name": &call.name, "arguments": arguments };
        object! { "id": &call.id, "type": "function", "function": function }
    };
    calls.iter().map(each).collect::<Vec<_>>().into()
}

fn texts(all: Vec<String>) -> Vec<Json> {
    all.into_iter().map(Json::Text).collect()
}
