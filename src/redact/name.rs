//! Classification of JSON members by name.

/// Parts of the names of secret strings, for example `authorization_token` of an MCP server.
const SECRET: [&str; 14] = [
    "authorization",
    "token",
    "secret",
    "password",
    "credential",
    "cookie",
    "signature",
    "encrypted_content",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "private_key",
    "connection_string",
];

/// Whether a string with this name is a secret, or is not human-readable.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|part| contains(name, part))
}

/// Whether a value with this name consists of headers, any of which may be a secret.
pub(super) fn is_headers(name: &str) -> bool {
    name.len() >= 7 && is_same(&name.as_bytes()[name.len() - 7..], "headers")
}

/// Whether a name contains a part, which is in lower-case letters, whatever its own letters. A name is looked at for each
/// member of a body, so this allocates nothing.
pub(super) fn contains(name: &str, part: &str) -> bool {
    name.as_bytes().windows(part.len()).any(|window| is_same(window, part))
}

fn is_same(name: &[u8], part: &str) -> bool {
    name.eq_ignore_ascii_case(part.as_bytes())
}

/// Whether an object with this name holds credentials: all its strings except the type are secrets.
pub(super) fn is_authentication(name: &str) -> bool {
    name.eq_ignore_ascii_case("authentication") || name.eq_ignore_ascii_case("auth")
}

/// Whether a string with this name is content of a conversation, which stays verbatim.
pub(super) fn is_verbatim(name: &str) -> bool {
    matches!(name, "" | "text" | "content" | "thinking" | "arguments")
}

/// Whether a string with this name may be a URL that is not content of a conversation.
pub(super) fn is_url(name: &str) -> bool {
    let end = name.len().checked_sub(3).and_then(|start| name.get(start..)).unwrap_or_default();
    end.eq_ignore_ascii_case("url") || end.eq_ignore_ascii_case("uri") || name == "source"
}

/// Whether a string with this name may be a file.
pub(super) fn may_be_opaque(name: &str) -> bool {
    matches!(
        name,
        "file_data"
            | "images"
            | "b64_json"
            | "inputImage"
            | "maskImage"
            | "conditionImage"
            | "init_image"
            | "mask_image"
            | "image"
    )
}

/// Whether a string with this name is a file.
pub(super) fn is_opaque(name: &str, text: &str) -> bool {
    // An image may be a name or a URL.
    let is_file = || name != "image" || text.len() >= 64 && text.bytes().all(is_base64);
    may_be_opaque(name) && is_file()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether the member `data` of an object with this name is a file.
pub(super) fn is_data(name: &str) -> bool {
    matches!(name, "source" | "inlineData" | "inline_data" | "input_audio" | "audio")
}
