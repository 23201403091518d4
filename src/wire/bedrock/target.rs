use crate::run::RunType;

/// The model and the operation in a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) model: &'a str,
    pub(super) operation: Operation,
    pub(super) streamed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Converse,
    Invoke,
}

impl<'a> Target<'a> {
    /// Reads a path in its normal form. A model may be an ARN, which has slashes.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let (_, rest) = path.split_once("/model/")?;
        let (model, operation) = rest.rsplit_once('/')?;
        let (operation, streamed) = match operation {
            "converse" => (Operation::Converse, false),
            "converse-stream" => (Operation::Converse, true),
            "invoke" => (Operation::Invoke, false),
            "invoke-with-response-stream" => (Operation::Invoke, true),
            _ => return None,
        };
        (!model.is_empty()).then_some(Self { model, operation, streamed })
    }

    /// Returns the type of the runs of the model; `None` if there is no name of a model, as in the ARN of an inference profile
    /// or a deployment.
    pub(super) fn run_type(&self) -> Option<RunType> {
        let model = self.model.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
        Some(if has(&["rerank"]) {
            RunType::Rerank
        } else if has(&["embed"]) {
            RunType::Embedding
        } else if has(&["stability.", "image-generator", "nova-canvas", "stable-"]) {
            RunType::Image
        } else if has(&["."]) {
            RunType::Llm
        } else {
            return None;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::run::RunType::{Embedding, Image, Llm, Rerank};

    #[test]
    fn paths_name_the_model() {
        let read = |path| {
            let target = Target::parse(path)?;
            Some((target.model, target.streamed, target.run_type()))
        };
        let arn = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0";
        let opaque = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a1b2c3";
        let cases = [
            ("/model/a.b-v1:0/converse", Some(("a.b-v1:0", false, Some(Llm)))),
            ("/aws/model/a.b/converse-stream", Some(("a.b", true, Some(Llm)))),
            (&format!("/model/{arn}/invoke"), Some((arn, false, Some(Llm)))),
            (&format!("/model/{opaque}/invoke-with-response-stream"), Some((opaque, true, None))),
            (
                "/model/cohere.embed-v4:0/invoke",
                Some(("cohere.embed-v4:0", false, Some(Embedding))),
            ),
            ("/model/amazon.rerank-v1:0/invoke", Some(("amazon.rerank-v1:0", false, Some(Rerank)))),
            (
                "/model/stability.sd3-large/invoke",
                Some(("stability.sd3-large", false, Some(Image))),
            ),
            ("/model/a/count-tokens", None),
            ("/model/a/invoke-with-bidirectional-stream", None),
            ("/model//converse", None),
            ("/model/converse", None),
            ("/async-invoke", None),
        ];
        for (path, expected) in cases {
            assert_eq!(read(path), expected, "{path}");
        }
    }
}
