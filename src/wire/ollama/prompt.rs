use serde_json::Value;

use crate::wire::request::{Members, items, message};

/// The messages of a chat, without their images.
pub(super) fn of_chat(members: &Members) -> Vec<Value> {
    let mut messages = items(members.value("messages"));
    for message in &mut messages {
        if let Some(images) = message.get_mut("images") {
            name_images(images);
        }
    }
    messages
}

/// What `generate` is asked, as messages.
pub(super) fn of_generate(members: &Members) -> Vec<Value> {
    let system = members.value("system").map(|system| message("system", system));
    let mut user = message("user", members.value("prompt").unwrap_or_else(|| "".into()));
    if let Some(suffix) = members.value("suffix") {
        user["suffix"] = suffix;
    }
    if let Some(mut images) = members.value("images") {
        name_images(&mut images);
        user["images"] = images;
    }
    system.into_iter().chain([user]).collect()
}

/// Puts a name in the place of each image, of which there may be megabytes.
fn name_images(images: &mut Value) {
    for (index, image) in images.as_array_mut().into_iter().flatten().enumerate() {
        let length = image.as_str().map_or(0, str::len);
        *image = format!("[image {index}: {length} bytes of base64]").into();
    }
}
