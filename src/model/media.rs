//! Formats of media, as some APIs name them.

/// Returns the format of a media type: `png` of `image/png`, `mp3` of `audio/mpeg`.
pub(super) fn format(media_type: &str) -> &str {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence {
        "image/jpg" => "jpeg",
        "audio/mpeg" => "mp3",
        "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/plain" => "txt",
        "text/markdown" => "md",
        "video/3gpp" => "three_gp",
        "video/quicktime" => "mov",
        "video/x-matroska" => "mkv",
        essence => essence.rsplit_once('/').map_or(essence, |(_, format)| format),
    }
}

/// Returns the media type of the picture that a URL names by its ending.
pub(super) fn of_picture(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        _ => return None,
    })
}
