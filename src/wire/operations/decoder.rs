use super::{element::Element, protocol::Operation, skim::Skim};
use crate::{
    event::Delta,
    wire::{Decoder, LlmHttpResponse, body_decoder::BodyDecoder},
};

/// A decoder of answers with outputs, which are kept only where a handler is to have them.
#[derive(Debug)]
pub(super) struct OperationDecoder {
    /// `None` if the outputs are read.
    skim: Option<Skim>,
    body: BodyDecoder<Operation>,
}

impl OperationDecoder {
    /// Creates a decoder for the vectors, ranks, pictures or verdicts of a response.
    pub(super) fn new(response: &LlmHttpResponse<'_>) -> Self {
        let params = response.request.map(|request| &request.params);
        let operation = Operation::of(params.map(Element::requested).unwrap_or_default());
        Self::with(response, operation, response.is_declared_whole())
    }

    /// Creates a decoder for a response of so many pictures or sounds, which may be streamed. `tokens` is what those of the output
    /// are.
    pub(super) fn streamed(
        response: &LlmHttpResponse<'_>,
        expected: u64,
        tokens: &'static str,
    ) -> Self {
        Self::with(response, Operation::streamed(expected, tokens), false)
    }

    /// Creates a decoder for pictures, which a filter may have removed.
    pub(super) fn filtered(response: &LlmHttpResponse<'_>) -> Self {
        let operation = Operation::of(Element::default()).or_empty();
        Self::with(response, operation, response.is_declared_whole())
    }

    fn with(response: &LlmHttpResponse<'_>, operation: Operation, whole: bool) -> Self {
        let operation = operation.emits(response.outputs);
        let body = match whole {
            true => BodyDecoder::whole(operation),
            false => BodyDecoder::new(operation),
        };
        Self { skim: (!response.outputs).then(Skim::default), body }
    }
}

impl Decoder for OperationDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        let Self { skim, body } = self;
        match skim {
            Some(skim) => skim.push(bytes, &mut |rest| body.push(rest, each)),
            None => body.push(bytes, each),
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { skim, body } = self;
        if let Some(skim) = skim {
            skim.finish(&mut |rest| body.push(rest, each));
        }
        body.finish(each);
    }
}

/// A decoder of sound, of which nothing is read.
#[derive(Debug, Default)]
pub(super) struct Sound {
    begun: bool,
    ended: bool,
}

impl Decoder for Sound {
    fn push(&mut self, bytes: &[u8], _each: &mut dyn FnMut(Delta<'_>)) {
        self.begun |= !bytes.is_empty();
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if !std::mem::replace(&mut self.ended, true) && self.begun {
            each(Delta::NotStreamed);
            each(Delta::Outputs { count: 1, dimensions: None });
            each(Delta::Done);
        }
    }
}
