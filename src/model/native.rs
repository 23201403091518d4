use crate::chat::{ContentPart, Message};

/// Returns the parts of a message that an API gets: native parts of its own in place of what they cover. Those of other APIs
/// are left out.
pub(super) fn parts<'a>(message: &'a Message, api: &str) -> Vec<&'a ContentPart> {
    let mut parts = Vec::with_capacity(message.content.len());
    // The first part that the next native one may cover.
    let mut open = 0;
    for part in &message.content {
        if let ContentPart::Native { api: of, covers, .. } = part {
            if of != api {
                continue;
            }
            parts.truncate(parts.len().saturating_sub(*covers).max(open));
            open = parts.len() + 1;
        }
        parts.push(part);
    }
    parts
}
