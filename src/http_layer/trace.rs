use http::HeaderMap;

use crate::run::TraceParent;

/// The trace that a request is part of; none where it does not say so, or not in a valid way.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(only), None) = (values.next(), values.next()) else { return None };
    only.to_str().ok()?.trim().parse().ok()
}
