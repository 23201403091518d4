use std::borrow::Cow;

use super::{
    event::{Item, Part},
    items::Told,
};
use crate::event::Delta;

/// Only what the caller is to run: not what runs at the provider.
pub(super) fn is_call(item: &Item<'_>) -> bool {
    matches!(item.kind.as_deref(), Some("function_call" | "custom_tool_call"))
}

/// The id that the caller answers to, the name, and the arguments.
pub(super) type Call<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>, Option<Cow<'a, str>>);

pub(super) fn call<'a>(item: Item<'a>) -> Call<'a> {
    // A custom tool's input is any text.
    let arguments = item.arguments.filled().or_else(|| item.input.filled());
    (item.call_id.filled(), item.name.filled(), arguments)
}

/// Tells what a whole item holds, but for what was told already, and notes that it was. Tools that run
/// at the provider are no content.
pub(super) fn content(item: Item<'_>, told: Told, now: &mut Told, each: &mut dyn FnMut(Delta<'_>)) {
    let content = item.content.0.unwrap_or_default();
    match item.kind.as_deref() {
        Some("message") => {
            for part in content {
                match part.kind.as_deref() {
                    Some("output_text" | "text") if !told.text => {
                        if let Some(text) = part.text.filled() {
                            now.text = true;
                            each(Delta::Text { choice: 0, text });
                        }
                    }
                    Some("refusal") if !told.refusal => {
                        if let Some(text) = part.refusal.filled() {
                            now.refusal = true;
                            each(Delta::Refusal { choice: 0, text });
                        }
                    }
                    _ => {}
                }
            }
        }
        Some("reasoning") if !told.reasoning => {
            let texts = |parts: Vec<Part<'_>>, each: &mut dyn FnMut(Delta<'_>)| {
                let mut any = false;
                for text in parts.into_iter().filter_map(|part| part.text.filled()) {
                    any = true;
                    each(Delta::Reasoning { choice: 0, text });
                }
                any
            };
            now.reasoning |=
                texts(content, each) || texts(item.summary.0.unwrap_or_default(), each);
        }
        _ => {}
    }
}
