//! What the names of JSON members tell of their values.

/// Parts of names whose texts are secrets: `authorization_token` of an MCP server, for one.
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

/// Whether a text with this name is a secret, or says nothing to people.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// Whether everything with this name is headers, of which any may be a secret.
pub(super) fn is_headers(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("headers")
}

/// Whether an object with this name says how to be let in: all texts in it are secrets but its type.
pub(super) fn is_authentication(name: &str) -> bool {
    name.eq_ignore_ascii_case("authentication") || name.eq_ignore_ascii_case("auth")
}

/// Whether a text with this name is what somebody said, which stays verbatim.
pub(super) fn is_verbatim(name: &str) -> bool {
    matches!(name, "" | "text" | "content" | "thinking" | "arguments")
}

/// Whether a text with this name may be a URL that was not said by anybody.
pub(super) fn is_url(name: &str) -> bool {
    let end = name.len().checked_sub(3).and_then(|start| name.get(start..)).unwrap_or_default();
    end.eq_ignore_ascii_case("url") || end.eq_ignore_ascii_case("uri") || name == "source"
}

/// Whether a text with this name is a file.
pub(super) fn is_opaque(name: &str) -> bool {
    matches!(name, "file_data" | "images" | "b64_json")
}

/// Whether the member `data` of an object with this name is a file.
pub(super) fn is_data(name: &str) -> bool {
    matches!(name, "source" | "inlineData" | "inline_data" | "input_audio" | "audio")
}
