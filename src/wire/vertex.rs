//! What is special about the paths of Vertex AI.

/// A call of `rawPredict` or `streamRawPredict`: a publisher's own body, whose model the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) struct RawPredict<'a> {
    pub(in crate::wire) publisher: &'a str,
    pub(in crate::wire) model: &'a str,
    pub(in crate::wire) streamed: bool,
}

impl<'a> RawPredict<'a> {
    /// Reads a path; `None` if it is another one, or counts tokens.
    pub(in crate::wire) fn of(path: &'a str) -> Option<Self> {
        let (resource, method) = path.rsplit_once(':')?;
        let streamed = match method {
            "rawPredict" => false,
            "streamRawPredict" => true,
            _ => return None,
        };
        let (_, rest) = resource.rsplit_once("/publishers/")?;
        let (publisher, model) = rest.split_once("/models/")?;
        let is_call = !publisher.is_empty() && !model.is_empty() && model != "count-tokens";
        is_call.then_some(Self { publisher, model, streamed })
    }
}

/// Whether a path is that of a resource on Vertex AI.
pub(in crate::wire) fn is_vertex(path: &str) -> bool {
    path.contains("/publishers/")
        || path.contains("/endpoints/openapi/")
        || (path.contains("/projects/") && path.contains("/locations/"))
}

#[cfg(test)]
mod tests {
    use super::RawPredict;

    #[test]
    fn publisher_model_and_method() {
        let prefix = "/v1/projects/p/locations/l/publishers";
        let of = |rest: &str| {
            RawPredict::of(&format!("{prefix}{rest}"))
                .map(|it| (it.publisher.to_owned(), it.model.to_owned(), it.streamed))
        };
        let claude = Some(("anthropic".to_owned(), "claude@1".to_owned(), true));
        assert_eq!(of("/anthropic/models/claude@1:streamRawPredict"), claude);
        let mistral = Some(("mistralai".to_owned(), "m".to_owned(), false));
        assert_eq!(of("/mistralai/models/m:rawPredict"), mistral);
        for other in [
            "/anthropic/models/count-tokens:rawPredict",
            "/anthropic/models/:rawPredict",
            "/google/models/m:predict",
            "/anthropic:rawPredict",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
