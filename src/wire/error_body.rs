//! Where the JSON body of an error has its message and its code.

use serde_json::Value;

/// Whether errors have a member of this name.
pub(in crate::wire) fn is_suspect(name: &str) -> bool {
    matches!(
        name,
        "error"
            | "errors"
            | "errorMessage"
            | "error_type"
            | "error_code"
            | "error_message"
            | "error_msg"
            | "fault"
            | "success"
            | "base_resp"
            | "code"
            | "__type"
            | "message"
            | "Message"
            | "msg"
            | "detail"
            | "title"
    )
}

/// Whether a JSON object says that the call failed. If it is an answer or a part of one (`answered`), only members
/// that say nothing else count.
pub(in crate::wire) fn says_failed(body: &Value, answered: bool) -> bool {
    let body = body.get(0).unwrap_or(body);
    let says = is_filled(&body["error"])
        || [&body["type"], &body["object"]].into_iter().any(|kind| kind == "error")
        || body["success"] == false
        || is_filled(&body["base_resp"]["status_code"])
        || is_filled(&body["fault"])
        || ["error_message", "error_msg", "error_type", "error_code", "errorMessage"]
            .iter()
            .any(|name| is_filled(&body[*name]));
    if says || answered {
        return says;
    }
    let message = ["message", "msg", "Message"].iter().any(|name| body[*name].is_string());
    let code = ["code", "status", "statusCode", "status_code"];
    let code = code.iter().any(|name| is_filled(&body[*name]) && !is_progress(&body[*name]));
    let kind = body["type"].as_str();
    // Events of any type may have such members. RFC 9457 has a URI there.
    let untyped = kind.is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains(':') || kind.ends_with("error") || kind.ends_with("exception")
    });
    let other = ["errors", "detail", "title", "__type"].iter().any(|name| is_filled(&body[*name]));
    message && code || untyped && other
}

/// Returns the message of an error: the envelopes of Anthropic, OpenAI, Google and Ollama, MiniMax's `base_resp`,
/// Cloudflare's `errors`, FastAPI's `detail`, RFC 9457's `title` and `detail`, AWS's `Message` and `errorMessage`, OAuth's
/// `error_description`, Apigee's `fault`, validations by field, and flat ones.
pub(in crate::wire) fn message(body: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    };
    let error = &body["error"];
    let places = [
        &error["message"],
        &error["msg"],
        &body["message"],
        &body["error_description"],
        &body["error_message"],
        &body["error_msg"],
        &body["base_resp"]["status_msg"],
        &body["msg"],
        &body["Message"],
        &body["errorMessage"],
        &body["fault"]["faultstring"],
        error,
        &body["detail"],
        &body["title"],
        &body["delta"]["error"],
        &error["reason"],
        &error["description"],
        &body["reason"],
        &body["description"],
    ];
    if let Some(found) = places.into_iter().find_map(text) {
        return Some(found);
    }
    let nested = |value: &Value| value.is_object().then(|| message(value)).flatten();
    [&body["detail"], &error["error"], &error["detail"], &body["choices"][0]]
        .into_iter()
        .find_map(nested)
        .or_else(|| {
            let lists = [&body["errors"], &body["detail"], error, &error["details"]];
            lists.into_iter().find_map(list_message).or_else(|| field_messages(&body["errors"]))
        })
}

/// Joins the messages of a list, such as that of a validation.
fn list_message(list: &Value) -> Option<String> {
    let one = |item: &Value| {
        let message = item.as_str().map(str::to_owned).or_else(|| message(item))?;
        let place = item["loc"].as_array().map(|place| {
            let names = place.iter().map(|name| name.as_str().map_or(name.to_string(), Into::into));
            names.collect::<Vec<_>>().join(".")
        });
        Some(match place.filter(|place| !place.is_empty()) {
            Some(place) => format!("{place}: {message}"),
            None => message,
        })
    };
    let messages: Vec<String> = list.as_array()?.iter().take(8).filter_map(one).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// Joins the messages of a validation by field: a text or a list of texts each.
fn field_messages(fields: &Value) -> Option<String> {
    let one = |(field, value): (&String, &Value)| {
        let message = value.as_str().map(str::to_owned).or_else(|| list_message(value))?;
        Some(format!("{field}: {message}"))
    };
    let messages: Vec<String> = fields.as_object()?.iter().take(8).filter_map(one).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// Returns the code of an error: its most specific word, else its number.
pub(in crate::wire) fn code(body: &Value) -> Option<String> {
    let (error, first) = (&body["error"], &body["errors"][0]);
    let inner = if error.is_object() { error } else { body };
    // OpenAI's `code` is more specific than its `type`, Google's `status` than its `code`, which is a number.
    // Elsewhere a `type` is more specific than a number.
    let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    let word = |value: &Value| {
        let word =
            value.as_str().filter(|word| !word.is_empty() && word.parse::<f64>().is_err())?;
        // `error` is the type of the envelope itself.
        (word != "error" && word != "about:blank").then(|| word.to_owned())
    };
    // Statuses other than Google's are prose.
    let status = || word(&inner["status"]).filter(|status| status.bytes().all(is_upper));
    let others = [
        &inner["type"],
        &body["error_type"],
        &body["error_code"],
        &body["code"],
        &first["code"],
        &body["detail"]["code"],
        &body["detail"][0]["type"],
        &body["__type"],
        &body["errorType"],
        &body["fault"]["detail"]["errorcode"],
    ];
    let word = word(&inner["code"]).or_else(status).or_else(|| others.into_iter().find_map(word));
    word.or_else(|| {
        // An OAuth error is a word beside its description.
        let named = body["error_description"].is_string() || body["message"].is_string();
        error.as_str().filter(|word| named && !word.contains(char::is_whitespace)).map(Into::into)
    })
    .or_else(|| {
        let numbers = [
            &inner["code"],
            &body["code"],
            &body["base_resp"]["status_code"],
            &body["error_code"],
            &first["code"],
        ];
        numbers.into_iter().find_map(|value| match value {
            Value::Number(number) => Some(number.to_string()),
            Value::String(number) if !number.is_empty() => Some(number.clone()),
            _ => None,
        })
    })
    .or_else(|| {
        body["choices"][0]["error"].is_object().then(|| code(&body["choices"][0])).flatten()
    })
}

/// Whether a member says that something is wrong: some servers send an empty one with every answer.
pub(in crate::wire) fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty() && text != "0",
        Value::Array(items) => items.iter().any(is_filled),
        Value::Object(members) => members.values().any(|it| is_filled(it) && !is_progress(it)),
    }
}

/// Whether a code, a status or a message says that a call has succeeded, or goes on.
fn is_progress(value: &Value) -> bool {
    const WORDS: [&str; 24] = [
        "ok",
        "success",
        "successful",
        "succeeded",
        "none",
        "null",
        "no error",
        "queued",
        "in queue",
        "pending",
        "accepted",
        "created",
        "starting",
        "started",
        "running",
        "processing",
        "in progress",
        "streaming",
        "active",
        "ready",
        "complete",
        "completed",
        "done",
        "finished",
    ];
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => return false,
    };
    let word = value.as_str().map(|text| text.trim().to_ascii_lowercase().replace(['_', '-'], " "));
    number.is_some_and(|number| (200.0..300.0).contains(&number))
        || word.is_some_and(|word| WORDS.contains(&word.trim_end_matches(['.', '!'])))
}
