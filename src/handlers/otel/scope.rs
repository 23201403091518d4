use opentelemetry::InstrumentationScope;

use super::SemanticConventions;

/// Who writes the spans, metrics and logs.
pub(super) fn scope(conventions: SemanticConventions) -> InstrumentationScope {
    let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"));
    match conventions.schema_url() {
        Some(url) => scope.with_schema_url(url).build(),
        None => scope.build(),
    }
}
