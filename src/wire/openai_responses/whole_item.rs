use super::{
    event::{Item, Part},
    items::Emitted,
};
use crate::event::Delta;

/// Emits the content of a complete item, except for the kinds emitted `before`, and records it in `now`. Tools
/// that run at the provider are not content.
pub(super) fn content(
    item: Item<'_>,
    before: Emitted,
    now: &mut Emitted,
    each: &mut dyn FnMut(Delta<'_>),
) {
    let content = item.content.0.unwrap_or_default();
    match item.kind.as_deref() {
        Some("message") => {
            for part in content {
                match part.kind.as_deref() {
                    Some("output_text" | "text") if !before.text => {
                        if let Some(text) = part.text.filled() {
                            now.text = true;
                            each(Delta::Text { choice: 0, text });
                        }
                    }
                    Some("refusal") if !before.refusal => {
                        if let Some(text) = part.refusal.filled() {
                            now.refusal = true;
                            each(Delta::Refusal { choice: 0, text });
                        }
                    }
                    _ => {}
                }
            }
        }
        Some("reasoning") if !before.reasoning => {
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
