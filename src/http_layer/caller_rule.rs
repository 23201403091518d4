use std::{borrow::Cow, error::Error, fmt, str::FromStr, sync::Arc};

use http::HeaderName;

use crate::redact;

/// Where a fact about the caller is, and what it becomes.
///
/// Parsed from `SOURCE:NAME=TARGET`. The source is `header` (with `/` and the name of a member, if the header is a JSON text),
/// `headers` (all that begin so: the rest of their names is added to the target), `body` (the name of a member, with dots for
/// members of members) or `baggage`. The target is a key of the run's metadata, or `tag:` and a prefix, for a list of tags too.
///
/// ```
/// use tower_llm_callbacks::http_layer::CallerRule;
///
/// for rule in ["header:x-team=tenant", "body:metadata.user_id=user_id", "baggage:plan=tag:plan:",
///     "header:cf-aig-metadata/team=tenant", "headers:x-label-=label."] {
///     rule.parse::<CallerRule>().unwrap();
/// }
/// assert!("header:authorization=user".parse::<CallerRule>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerRule {
    pub(super) source: Source,
    pub(super) target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Header(HeaderName),
    /// Headers that begin so. The rest of their names follows the key.
    Headers(HeaderName),
    /// A member of a header that is a JSON text.
    InHeader(HeaderName, Path),
    Body(Path),
    Baggage(Arc<str>),
}

/// The names of a member and of those in it.
pub(super) type Path = Arc<[Box<str>]>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Metadata(Arc<str>),
    Tags(Arc<str>),
}

/// The error of a text that is no [`CallerRule`], or of an unknown preset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidCallerRule(Cow<'static, str>);

impl InvalidCallerRule {
    pub(super) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for InvalidCallerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidCallerRule {}

fn path(text: &str) -> Path {
    text.split('.').map(Box::from).collect()
}

impl FromStr for CallerRule {
    type Err = InvalidCallerRule;

    fn from_str(text: &str) -> Result<Self, InvalidCallerRule> {
        let invalid = |what: &str| InvalidCallerRule::new(format!("`{text}`: {what}"));
        let (source, target) = text.split_once('=').ok_or_else(|| {
            invalid("expected SOURCE:NAME=TARGET, such as header:x-team=tenant, or a preset")
        })?;
        let (source, name) = source
            .split_once(':')
            .ok_or_else(|| invalid("expected a source and a name, such as header:x-team"))?;
        if name.is_empty() || target.is_empty() {
            return Err(invalid("the name and the target must not be empty"));
        }
        let header = |name: &str| {
            let name = HeaderName::from_str(name);
            let name = name.map_err(|_| invalid("the name is not one of a header"))?;
            match redact::is_credential(name.as_str()) {
                true => Err(invalid("this header may hold credentials, which are never recorded")),
                false => Ok(name),
            }
        };
        let source = match (source, name.split_once('/')) {
            ("header", Some((name, member))) => Source::InHeader(header(name)?, path(member)),
            ("header", None) => Source::Header(header(name)?),
            ("headers", _) => Source::Headers(header(name)?),
            ("body", _) => Source::Body(path(name)),
            ("baggage", _) => Source::Baggage(name.into()),
            _ => {
                return Err(invalid("the source must be `header`, `headers`, `body` or `baggage`"));
            }
        };
        let target = match target.strip_prefix("tag:") {
            Some(prefix) => Target::Tags(prefix.into()),
            None => Target::Metadata(target.into()),
        };
        Ok(Self { source, target })
    }
}
