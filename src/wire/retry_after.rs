//! When a provider accepts the next call.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

/// Returns how long to wait before the next call, by the headers of an error response: OpenAI's `retry-after-ms`,
/// `retry-after` in seconds or as a date (RFC 9110, section 10.2.3), or the resets of the provider's rate limits.
pub(crate) fn of_headers(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    // The clock of the server, which its dates are of.
    let date = text(header::DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = date.unwrap_or_else(SystemTime::now);
    if let Some(wait) = text("retry-after-ms").and_then(|ms| seconds(ms, 1e3)) {
        return Some(wait);
    }
    if let Some(after) = text(header::RETRY_AFTER.as_str()) {
        let until = || httpdate::parse_http_date(after).ok().map(|until| since(now, until));
        if let Some(wait) = seconds(after, 1.0).or_else(until) {
            return Some(wait);
        }
    }
    let limited = matches!(status.as_u16(), 429 | 503 | 529);
    limited.then(|| of_limits(headers, now)).flatten()
}

/// Returns when the limit that is used up is reset, else the first of all: each limit has a header with `reset` in its
/// name and one with `remaining` in its place.
fn of_limits(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let (mut used_up, mut first) = (None, None);
    for (name, value) in headers {
        let name = name.as_str();
        let of_limit = name.contains("ratelimit") && name.contains("reset");
        if !of_limit && !name.ends_with("-reset-after-seconds") {
            continue;
        }
        let Some(wait) = value.to_str().ok().and_then(|value| reset(value.trim(), now)) else {
            continue;
        };
        let remaining = headers.get(name.replace("reset", "remaining"));
        if remaining.is_some_and(|remaining| remaining == "0") {
            used_up = used_up.max(Some(wait));
        }
        first = Some(first.map_or(wait, |first: Duration| first.min(wait)));
    }
    used_up.or(first)
}

/// Returns how long to wait by the body of an error: Google's `RetryInfo`, and members of other providers.
pub(super) fn of_body(body: &Value) -> Option<Duration> {
    let body = body.get(0).unwrap_or(body);
    let error = &body["error"];
    let info = error["details"].as_array().into_iter().flatten();
    let info = info.filter_map(|detail| detail["retryDelay"].as_str()).find_map(duration);
    let number = |name: &str, per_second: f64| {
        [&error[name], &body[name]].into_iter().find_map(|value| match value {
            Value::String(text) => seconds(text, per_second),
            value => wait(value.as_f64()? / per_second),
        })
    };
    info.or_else(|| number("retry_after_ms", 1e3))
        .or_else(|| number("retry_after", 1.0))
        .or_else(|| number("retry_after_seconds", 1.0))
        .or_else(|| number("resets_in_seconds", 1.0))
        .or_else(|| [&error["message"], &body["message"]].into_iter().find_map(of_message))
}

/// Reads "Please try again in 11.054s." of OpenAI and Groq, and "Please retry after 17 seconds." of Azure.
fn of_message(message: &Value) -> Option<Duration> {
    let message = message.as_str()?;
    let rest = ["try again in ", "retry after "].into_iter().find_map(|it| message.split_once(it));
    let mut words = rest?.1.split_whitespace();
    let word = words.next()?.trim_end_matches(['.', ',']);
    match word.parse() {
        Ok(number) if words.next()?.starts_with("second") => wait(number),
        Ok(_) => None,
        Err(_) => duration(word),
    }
}

/// Reads the reset of a limit: a duration, seconds, a time in seconds or milliseconds since 1970, or a timestamp.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let at =
        |since_1970: Duration| Some(since(now, SystemTime::UNIX_EPOCH.checked_add(since_1970)?));
    match text.parse::<f64>() {
        Ok(number) if number >= 1e12 => at(since_1970(number / 1e3)?),
        Ok(number) if number >= 1e9 => at(since_1970(number)?),
        Ok(number) => wait(number),
        Err(_) => duration(text)
            .or_else(|| Some(since(now, humantime::parse_rfc3339_weak(text).ok()?)))
            .or_else(|| Some(since(now, httpdate::parse_http_date(text).ok()?))),
    }
}

/// Reads a duration of Go or of Protocol Buffers: `6m0s`, `1.5s`, `12ms`.
fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let unit = rest.find(|char: char| char != '.' && !char.is_ascii_digit())?;
        let number: f64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest.find(|char: char| char.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[end..];
    }
    if text.is_empty() { None } else { wait(total) }
}

fn seconds(text: &str, per_second: f64) -> Option<Duration> {
    wait(text.trim().parse::<f64>().ok()? / per_second)
}

/// A wait of more than a year is no wait.
fn wait(seconds: f64) -> Option<Duration> {
    (0.0..=31_536_000.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

fn since_1970(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

fn since(now: SystemTime, until: SystemTime) -> Duration {
    until.duration_since(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, StatusCode};
    use serde_json::json;

    use super::{of_body, of_headers};

    fn of(headers: &[(&str, &str)]) -> Option<f64> {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), value.parse().unwrap())
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        of_headers(StatusCode::TOO_MANY_REQUESTS, &headers).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn headers() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("date", "Sun, 09 Sep 2001 01:46:40 GMT");
        for (headers, expected) in [
            (vec![("retry-after", "20")], Some(20.0)),
            (vec![("retry-after", "0.5"), ("retry-after-ms", "1500")], Some(1.5)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date], Some(30.0)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT"), date], Some(0.0)),
            (vec![("retry-after", "soon")], None),
            (vec![("x-ratelimit-reset-requests", "6m0s")], Some(360.0)),
            (vec![("x-ratelimit-reset-tokens", "12ms")], Some(0.012)),
            (
                vec![
                    ("x-ratelimit-reset-requests", "2m59.5s"),
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-tokens", "7.66s"),
                    ("x-ratelimit-remaining-tokens", "100"),
                ],
                Some(179.5),
            ),
            (vec![("anthropic-ratelimit-tokens-reset", "1994-11-06T08:50:37Z"), date], Some(60.0)),
            (vec![("anthropic-ratelimit-unified-reset", "1000000100"), later], Some(100.0)),
            (vec![("x-ratelimit-reset", "1000000100500"), later], Some(100.5)),
            (vec![("x-codex-primary-reset-after-seconds", "90")], Some(90.0)),
            (vec![("ratelimitbysize-reset", "30")], Some(30.0)),
            (vec![("x-ratelimit-reset-tokens", "nonsense")], None),
            (vec![], None),
        ] {
            assert_eq!(of(&headers), expected, "{headers:?}");
        }
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-ratelimit-reset-tokens"),
            "5s".parse().unwrap(),
        )]);
        assert_eq!(of_headers(StatusCode::BAD_REQUEST, &headers), None);
    }

    #[test]
    fn bodies() {
        for (body, expected) in [
            (json!({"error": {"details": [{"a": 1}, {"retryDelay": "34s"}]}}), Some(34.0)),
            (json!([{"error": {"details": [{"retryDelay": "1.5s"}]}}]), Some(1.5)),
            (json!({"error": {"resets_in_seconds": 60}}), Some(60.0)),
            (json!({"retry_after": "2"}), Some(2.0)),
            (json!({"error": {"retry_after_ms": 250}}), Some(0.25)),
            (json!({"error": {"retry_after": -1}}), None),
            (json!({"error": "x"}), None),
            (
                json!({"error": {"message": "Rate limit reached. Please try again in 11.054s. Visit us."}}),
                Some(11.054),
            ),
            (json!({"error": {"message": "Please try again in 1m2s"}}), Some(62.0)),
            (json!({"message": "Please retry after 17 seconds."}), Some(17.0)),
            (json!({"error": {"message": "Please try again in a few minutes."}}), None),
            (json!({"error": {"message": "Please try again in 5 minutes."}}), None),
        ] {
            assert_eq!(of_body(&body), expected.map(Duration::from_secs_f64), "{body}");
        }
    }
}
