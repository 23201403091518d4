/// The methods of the protocol, of all revisions, and those of its task extension.
///
/// Sources: "Schema Reference" of revisions 2025-03-26 to 2026-07-28.
const METHODS: [&str; 29] = [
    "completion/complete",
    "elicitation/create",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "sampling/createMessage",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    "tools/list",
];

/// Returns the pattern under which a request with a method is counted. A client may send any text.
pub(super) fn pattern(method: Option<&str>) -> &'static str {
    match method {
        Some(super::request::CALL) => super::request::CALL,
        Some(method) => METHODS.iter().find(|known| **known == method).unwrap_or(&"other method"),
        None => "no method",
    }
}
