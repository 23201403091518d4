use super::{
    answer::{AnswerState, is_answer},
    piece::Piece,
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::said,
        json::{self, List, ReadError},
        protocol::Protocol,
    },
};

/// The protocol of generated texts.
#[derive(Debug, Default)]
pub(super) struct TextGeneration {
    answer: AnswerState,
}

impl Protocol for TextGeneration {
    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        // The end mark of another protocol, which gateways append, and events that are only a name.
        if matches!(data, "" | "[DONE]") {
            return Ok(());
        }
        let piece: Piece<'_> = json::read(data)?;
        match failure(&piece, data) {
            Some(error) => each(Delta::Error(error)),
            None => self.answer.piece(piece, false, each),
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let listed;
        let pieces = match json::read(json) {
            Ok(piece) => vec![piece],
            // llama.cpp answers several prompts with a list, whose brackets are gone.
            Err(error) => {
                listed = format!("[{json}]");
                let list = serde_json::from_str::<List<Piece<'_>>>(&listed).ok();
                list.and_then(|list| list.0).ok_or(error)?
            }
        };
        if let Some(error) = pieces.first().and_then(|piece| failure(piece, json)) {
            each(Delta::Error(error));
            return Ok(());
        }
        if !pieces.iter().any(is_answer) {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        for piece in pieces {
            self.answer.piece(piece, true, each);
        }
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.answer.is_complete() {
            each(Delta::Done);
        }
    }
}

fn failure(piece: &Piece<'_>, json: &str) -> Option<ProviderError> {
    let answered = is_answer(piece);
    let suspect = piece.error.is_some() || !answered;
    suspect.then(|| said(json, answered)).flatten()
}
