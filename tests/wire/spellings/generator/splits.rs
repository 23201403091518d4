//! Text in pieces, at the edges of characters, and the texts of arguments.

use serde_json::Value;

use super::{
    choices::{Axis, Choices, axis},
    json::Json,
};

axis! {
    /// How a text is divided among the events of a stream.
    Split { InTwo, Whole, Few, EachCharacter }
}

axis! {
    /// Whether a character of two UTF-16 units may be in two pieces, as of servers that cut by units.
    Halves { Together, Apart }
}

axis! {
    /// How arguments are written where they are a text.
    ArgumentSpace { None, Single, Pretty }
}

axis! {
    /// The type of arguments. Gateways send a value where the protocol has a text, and a text where it has a value.
    ArgumentType { AsTheProtocolHasIt, TheOtherOne }
}

/// Stands for half of a character: a writer writes the escape of the unit.
const HALF: u32 = 0x10_0000;

/// Returns the UTF-16 unit for which a character stands.
pub fn half(char: char) -> Option<u16> {
    let unit = u16::try_from(u32::from(char).checked_sub(HALF)?).ok()?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
}

/// Cuts a text into the pieces of events that follow each other. A piece may begin and end with half a character.
pub fn split_units(text: &str, choices: &mut Choices<'_>) -> Vec<String> {
    let pieces = split(text, choices);
    if choices.axis::<Halves>() == Halves::Together {
        return pieces;
    }
    let mut all: Vec<String> = Vec::new();
    for piece in pieces {
        let mut units = [0; 2];
        match (piece.chars().next(), all.last_mut()) {
            (Some(first), Some(before)) if first.len_utf16() == 2 => {
                first.encode_utf16(&mut units);
                let stand_in = |unit| char::from_u32(HALF + u32::from(unit)).expect("private use");
                before.push(stand_in(units[0]));
                all.push(format!("{}{}", stand_in(units[1]), &piece[first.len_utf8()..]));
            }
            _ => all.push(piece),
        }
    }
    all
}

/// Cuts a text into pieces that are not empty.
pub fn split(text: &str, choices: &mut Choices<'_>) -> Vec<String> {
    let split = choices.axis();
    let mut random = choices.random("split");
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut rest = &chars[..];
    while !rest.is_empty() {
        let length = match split {
            Split::InTwo if rest.len() == chars.len() => chars.len().div_ceil(2),
            Split::InTwo | Split::Whole => rest.len(),
            Split::Few => random.below(5) + 1,
            Split::EachCharacter => 1,
        };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece.iter().collect());
        rest = after;
    }
    pieces
}

/// Cuts the text of arguments as a server does that repeats in each event all that it has so far. Read as pieces,
/// what is returned is no JSON text, so that a reader can tell it: a value never begins where a cut is.
pub fn growing(text: &str, choices: &mut Choices<'_>) -> Vec<String> {
    let mut all = String::new();
    let mut states = Vec::new();
    for piece in split(text, choices) {
        all.push_str(&piece);
        if !all.trim_end().ends_with([':', '[', ',']) {
            states.push(all.clone());
        }
    }
    states
}

/// Writes arguments as the protocol does that has a text.
pub fn as_text(arguments: &Value, choices: &mut Choices<'_>) -> Json {
    match choices.axis() {
        ArgumentType::AsTheProtocolHasIt => argument_text(arguments, choices).into(),
        ArgumentType::TheOtherOne => Json::Data(arguments.clone()),
    }
}

/// Writes arguments as the protocol does that has a value.
pub fn as_value(arguments: &Value, choices: &mut Choices<'_>) -> Json {
    match choices.axis() {
        ArgumentType::AsTheProtocolHasIt => Json::Data(arguments.clone()),
        ArgumentType::TheOtherOne => argument_text(arguments, choices).into(),
    }
}

/// Cuts the text of arguments as a protocol does that has one, or has all of them in one piece.
pub fn pieces(arguments: &Value, choices: &mut Choices<'_>) -> Vec<Json> {
    match as_text(arguments, choices) {
        Json::Text(text) => split(&text, choices).into_iter().map(Json::Text).collect(),
        value => vec![value],
    }
}

/// Writes arguments as a JSON text.
pub fn argument_text(arguments: &Value, choices: &mut Choices<'_>) -> String {
    match choices.axis() {
        ArgumentSpace::None => arguments.to_string(),
        ArgumentSpace::Single => {
            let mut text = format!("{arguments:#}");
            // JSON escapes the line feeds of texts: these are between tokens.
            text = text.lines().map(str::trim_start).collect::<Vec<_>>().join(" ");
            text
        }
        ArgumentSpace::Pretty => format!("{arguments:#}"),
    }
}
