use super::{element::Element, protocol::Operation, skim::Skim};
use crate::{
    event::Delta,
    wire::{Decoder, LlmHttpResponse, body_decoder::BodyDecoder},
};

/// A decoder of answers with outputs, which are not kept.
#[derive(Debug)]
pub(super) struct OperationDecoder {
    skim: Skim,
    body: BodyDecoder<Operation>,
}

impl OperationDecoder {
    /// Creates a decoder for the vectors, ranks, pictures or verdicts of a response.
    pub(super) fn new(response: &LlmHttpResponse<'_>) -> Self {
        let params = response.request.map(|request| &request.params);
        let operation = Operation::of(params.map(Element::requested).unwrap_or_default());
        let body = match response.is_declared_whole() {
            true => BodyDecoder::whole(operation),
            false => BodyDecoder::new(operation),
        };
        Self { skim: Skim::default(), body }
    }

    /// Creates a decoder for a response of so many pictures or sounds, which may be streamed.
    pub(super) fn streamed(expected: u64) -> Self {
        let body = BodyDecoder::new(Operation::streamed(expected));
        Self { skim: Skim::default(), body }
    }
}

impl Decoder for OperationDecoder {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        let Self { skim, body } = self;
        skim.push(bytes, &mut |rest| body.push(rest, each));
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let Self { skim, body } = self;
        skim.finish(&mut |rest| body.push(rest, each));
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
