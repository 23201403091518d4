use crate::wire;

/// A path of a route, in which one `*` matches any text.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Box<str>);

/// The path of a request, as the server reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestPath<'a> {
    pub(super) normal: &'a str,
    /// Whether a slash at its end was dropped: `/any/*` matches `/any/`.
    pub(super) had_slash: bool,
}

impl Pattern {
    /// Panics if no path of a request can match.
    #[track_caller]
    pub(super) fn new(path: &str) -> Self {
        assert!(
            path.starts_with(['/', '*']),
            "the path of a route must start with `/` or `*`, without scheme and host: {path:?}"
        );
        assert!(!path.contains(['?', '#']), "the path of a route must have no query: {path:?}");
        assert!(
            path.matches('*').count() < 2,
            "the path of a route must have at most one `*`: {path:?}"
        );
        Self(wire::normal(path).into())
    }

    pub(super) fn matches(&self, path: RequestPath<'_>) -> bool {
        let RequestPath { normal, had_slash } = path;
        let Some((start, end)) = self.0.split_once('*') else { return normal == &*self.0 };
        if had_slash && end.is_empty() && start.strip_suffix('/') == Some(normal) {
            return true;
        }
        normal.len() >= start.len() + end.len()
            && normal.starts_with(start)
            && normal.ends_with(end)
    }
}
