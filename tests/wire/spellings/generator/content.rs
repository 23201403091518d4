//! The content of a message, as proxies simplify it.

use super::{
    choices::{Axis, Choices, axis},
    json::Json,
};

axis! {
    /// How the only part of a content is written, if it is a text.
    ContentForm { Parts, Text, ListOfTexts, Part }
}

/// Writes a content of some parts.
pub fn content(parts: Vec<Json>, choices: &mut Choices<'_>) -> Json {
    let form = choices.axis();
    let text = match &parts[..] {
        [Json::Object(members)] => members.iter().find(|(name, _)| name == "text"),
        _ => None,
    };
    let Some((_, text)) = text.cloned() else { return parts.into() };
    match form {
        ContentForm::Parts => parts.into(),
        ContentForm::Text => text,
        ContentForm::ListOfTexts => [text].into(),
        ContentForm::Part => parts.into_iter().next().expect("one part"),
    }
}
