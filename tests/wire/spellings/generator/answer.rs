//! What an answer says, whatever the protocol and the spelling.

use serde_json::{Value, json};

use super::choices::{Axis, Choices, axis};

#[derive(Debug, Clone)]
pub struct Answer {
    pub id: String,
    pub model: String,
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<Call>,
    pub usage: Option<Counts>,
    /// The answer was cut short by its length limit.
    pub cut_short: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub arguments: Value,
}

/// Input includes cached tokens; output includes reasoning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub input: u64,
    pub output: u64,
    pub read: u64,
    pub write: u64,
    pub reasoning: u64,
}

impl Counts {
    pub fn total(self) -> u64 {
        self.input + self.output
    }

    /// Counts of an earlier moment: the input, and a part of the output.
    pub fn so_far(self) -> Self {
        Self { output: self.output / 3, reasoning: self.reasoning / 3, ..self }
    }

    pub fn zeros() -> Self {
        Self::default()
    }
}

axis! {
    /// The text of an answer.
    TextPart { Plain, OtherScripts, Escaped, LikeFraming }
}

axis! {
    /// The reasoning of an answer.
    ReasoningPart { None, Plain, OtherScripts }
}

axis! {
    CallsPart { None, One, Two, Three }
}

axis! {
    /// The arguments of a call.
    ArgumentsPart {
        Plain,
        Empty,
        /// A fragment may begin like all that came before it.
        SameKeyWithin,
        Brackets,
        OtherScripts,
        List,
        /// No object, which gateways pass on as well.
        TopLevelList,
    }
}

axis! {
    UsagePart { Plain, Absent, Cached, Everything, NothingCached }
}

axis! {
    FinishPart { Natural, CutShort }
}

/// Escapes, characters of one to four bytes, and line ends of many kinds.
const SCRIPTS: &str = "Grüße, 你好 👋🏽\u{2028}é\u{FEFF}!";
const ESCAPED: &str = "a\"b\\c/\n\t\r\u{0}\u{1F}\u{7F}</b>";
const FRAMING: &str =
    "data: [DONE]\n\nevent: error\r\ndata: {\"error\":{\"message\":\"no\"}}\n\n[]{}: x";

impl Answer {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let text = match choices.part() {
            TextPart::Plain => "Hello there",
            TextPart::OtherScripts => SCRIPTS,
            TextPart::Escaped => ESCAPED,
            TextPart::LikeFraming => FRAMING,
        };
        let reasoning = match choices.part() {
            ReasoningPart::None => "",
            ReasoningPart::Plain => "Let me see",
            ReasoningPart::OtherScripts => SCRIPTS,
        };
        let calls = match choices.part() {
            CallsPart::None => 0,
            CallsPart::One => 1,
            CallsPart::Two => 2,
            CallsPart::Three => 3,
        };
        let usage = match choices.part() {
            UsagePart::Plain => Some(Counts { input: 12, output: 7, ..Counts::default() }),
            UsagePart::Absent => None,
            UsagePart::Cached => {
                Some(Counts { input: 1336, output: 31, read: 1280, ..Counts::default() })
            }
            UsagePart::Everything => {
                Some(Counts { input: 1336, output: 31, read: 1024, write: 256, reasoning: 11 })
            }
            UsagePart::NothingCached => {
                Some(Counts { input: 20, output: 16, reasoning: 5, ..Counts::default() })
            }
        };
        Self {
            id: "answer-1".into(),
            model: "m-1".into(),
            text: text.into(),
            reasoning: reasoning.into(),
            calls: (0..calls).map(|at| Call::new(at, choices)).collect(),
            usage,
            cut_short: choices.part::<FinishPart>() == FinishPart::CutShort,
        }
    }
}

impl Call {
    /// Calls differ in their arguments, except in empty ones: a call is not taken for a repetition.
    fn new(at: usize, choices: &mut Choices<'_>) -> Self {
        let arguments = match choices.part() {
            ArgumentsPart::Plain => json!({"q": format!("tin{at}")}),
            ArgumentsPart::Empty => json!({}),
            ArgumentsPart::SameKeyWithin => json!({"a": {"a": {"a": at}}}),
            ArgumentsPart::Brackets => json!({"code": "}{][\":,{\"q\":", "n": at}),
            ArgumentsPart::OtherScripts => json!({"wörter": SCRIPTS, "n": at}),
            ArgumentsPart::List => json!({"all": [1, 2.5, true, null, {}, [], "x"], "n": at}),
            ArgumentsPart::TopLevelList => json!([[at], {"q": "[tin"}, "}]"]),
        };
        // The first and the last call are of the same tool.
        let name = if at == 1 { "add_event" } else { "search" };
        Self { id: format!("call_{at}"), name: name.into(), arguments }
    }
}
