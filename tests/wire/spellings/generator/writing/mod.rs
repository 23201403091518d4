//! Writes JSON values, in any of the ways that JSON readers take for the same.

mod escapes;
mod members;
mod space;

use self::{
    escapes::Escapes,
    members::{Order, Repeats, Unknown},
    space::Space,
};
use super::{
    choices::{Axis, Choices, Random, axis},
    json::Json,
};

axis! {
    /// How token counts are written.
    Counts { Integer, Float, Text, Exponent }
}

axis! {
    /// How positions are written.
    Indexes { Integer, Float, Text }
}

/// The style of all JSON texts of a body.
#[derive(Debug)]
pub struct Writer {
    order: Order,
    repeats: Repeats,
    unknown: Unknown,
    escapes: Escapes,
    space: Space,
    counts: Counts,
    indexes: Indexes,
    random: Random,
}

impl Writer {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        Self {
            order: choices.axis(),
            repeats: choices.axis(),
            unknown: choices.axis(),
            escapes: choices.axis(),
            space: choices.axis(),
            counts: choices.axis(),
            indexes: choices.axis(),
            random: choices.random("writer"),
        }
    }

    /// Writes a value on one line.
    pub fn line(&mut self, json: &Json) -> String {
        let space = self.space;
        self.space = space.on_one_line();
        let line = self.lines(json);
        self.space = space;
        line
    }

    /// Writes a value, with line feeds between its tokens where the style has them.
    pub fn lines(&mut self, json: &Json) -> String {
        let mut out = String::new();
        self.value(json, 0, &mut out);
        // Anthropic pads its events.
        self.space(0, false, &mut out);
        out
    }

    fn value(&mut self, json: &Json, depth: usize, out: &mut String) {
        match json {
            Json::Literal(literal) if literal.is_empty() => out.push_str("null"),
            Json::Literal(literal) => out.push_str(literal),
            Json::Text(text) => self.escapes.write(text, &mut self.random, out),
            Json::Count(count) => out.push_str(&match self.counts {
                Counts::Integer => count.to_string(),
                Counts::Float => format!("{count}.0"),
                Counts::Text => format!("\"{count}\""),
                Counts::Exponent => format!("{count}e0"),
            }),
            Json::Index(index) => out.push_str(&match self.indexes {
                Indexes::Integer => index.to_string(),
                Indexes::Float => format!("{index}.0"),
                Indexes::Text => format!("\"{index}\""),
            }),
            Json::List(items) => {
                let each = |this: &mut Self, item: &Json, out: &mut String| {
                    this.value(item, depth + 1, out);
                };
                self.sequence(b"[]", items, depth, out, each);
            }
            Json::Object(members) => {
                let members = self.members(members);
                self.sequence(b"{}", &members, depth, out, |this, (key, value), out| {
                    this.escapes.write_key(key, out);
                    this.space(depth, false, out);
                    out.push(':');
                    this.space(depth, false, out);
                    this.value(value, depth + 1, out);
                });
            }
            Json::Data(data) => self.data(data, depth, out),
        }
    }

    fn data(&mut self, data: &serde_json::Value, depth: usize, out: &mut String) {
        use serde_json::Value;
        match data {
            Value::String(text) => self.escapes.write(text, &mut self.random, out),
            Value::Array(items) => self.sequence(b"[]", items, depth, out, |this, item, out| {
                this.data(item, depth + 1, out);
            }),
            Value::Object(members) => {
                let members: Vec<_> = members.iter().collect();
                self.sequence(b"{}", &members, depth, out, |this, (key, value), out| {
                    this.escapes.write(key, &mut this.random.clone(), out);
                    out.push(':');
                    this.space(depth, false, out);
                    this.data(value, depth + 1, out);
                });
            }
            other => out.push_str(&other.to_string()),
        }
    }

    fn sequence<T>(
        &mut self,
        brackets: &[u8; 2],
        items: &[T],
        depth: usize,
        out: &mut String,
        mut each: impl FnMut(&mut Self, &T, &mut String),
    ) {
        out.push(brackets[0].into());
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.space(depth + 1, true, out);
            each(self, item, out);
        }
        if !items.is_empty() {
            self.space(depth, true, out);
        }
        out.push(brackets[1].into());
    }

    /// White space between two tokens; `breaks` where a pretty printer breaks the line.
    fn space(&mut self, depth: usize, breaks: bool, out: &mut String) {
        self.space.write(depth, breaks, &mut self.random, out);
    }

    /// The members of an object in the order in which they are written, with those that change nothing.
    fn members(&mut self, members: &[(String, Json)]) -> Vec<(String, Json)> {
        let mut all = members.to_vec();
        self.order.apply(&mut all, &mut self.random);
        self.unknown.apply(&mut all, &mut self.random);
        // Last, so that each repetition is before its member.
        self.repeats.apply(&mut all, &mut self.random);
        all
    }
}
