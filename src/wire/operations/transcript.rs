use std::borrow::Cow;

use super::answer::{Choice, Transcript};
use crate::{
    event::Delta,
    wire::{
        Decoder,
        body_decoder::BodyDecoder,
        error::said,
        framed::EVENT_LIMIT,
        json::{self, ReadError},
        protocol::Protocol,
        usage,
    },
};

/// The protocol of transcriptions and translations in JSON, and of their events.
#[derive(Debug, Default)]
pub(super) struct Transcription {
    has_model: bool,
    /// Whether a text was emitted.
    has_text: bool,
    /// Whether the last piece of text was one that ends.
    finished: bool,
}

impl Protocol for Transcription {
    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        // The end of others is the event before the mark.
        if matches!(data, "" | "[DONE]") {
            if !data.is_empty() {
                self.eof(each);
            }
            return Ok(());
        }
        let mut event: Transcript<'_> = json::read(data)?;
        let kind = event.kind.as_deref().unwrap_or_default();
        let (is_delta, is_end) = (kind.ends_with(".delta"), kind.ends_with(".done"));
        let choices = event.choices.0.take();
        let is_known = is_delta || is_end || choices.is_some();
        if (event.error.is_some() || !is_known)
            && let Some(error) = said(data, is_known)
        {
            each(Delta::Error(error));
            return Ok(());
        }
        if is_end {
            self.end(event, each);
        } else if is_delta {
            // OpenAI, Mistral.
            let text = event.delta.filled().or_else(|| event.text.filled());
            self.text(text, each);
        } else if let Some(choices) = choices {
            self.chunk(choices, event, each);
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let answer: Transcript<'_> = json::read(json)?;
        let found = answer.text.as_deref().is_some();
        if (answer.error.is_some() || !found)
            && let Some(error) = said(json, found)
        {
            each(Delta::Error(error));
            return Ok(());
        }
        if !found {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        self.end(answer, each);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if self.finished {
            self.end(Transcript::default(), each);
        }
    }
}

impl Transcription {
    fn text(&mut self, text: Option<Cow<'_, str>>, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(text) = text {
            self.has_text = true;
            each(Delta::Text { choice: 0, text });
        }
    }

    /// Reads an event of vLLM's: `transcription.chunk`, `translation.chunk`. Each piece of a long sound has an end of its own,
    /// and the usage follows the last one.
    ///
    /// Source: `speech_to_text/serving.py` of vLLM.
    fn chunk(
        &mut self,
        choices: Vec<Choice<'_>>,
        mut event: Transcript<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.model(&mut event, each);
        for Choice { delta, finish_reason } in choices {
            self.finished = finish_reason.reason().is_some();
            self.text(delta.0.and_then(|delta| delta.content.filled()), each);
        }
        if let Some(raw) = event.usage.0 {
            usage::emit(raw, None, each);
        }
    }

    fn model(&mut self, event: &mut Transcript<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let model = std::mem::take(&mut event.model).filled().filter(|_| !self.has_model);
        if model.is_some() {
            self.has_model = true;
            each(Delta::Response { id: None, model });
        }
    }

    fn end(&mut self, mut answer: Transcript<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        self.model(&mut answer, each);
        // The last event of a stream repeats all of it.
        if !self.has_text {
            self.text(answer.text.filled(), each);
        }
        if let Some(raw) = answer.usage.0 {
            usage::emit(raw, None, each);
        }
        each(Delta::Outputs { count: 1, dimensions: None });
        each(Delta::Done);
    }
}

/// A decoder of a transcription that is plain text, or subtitles.
#[derive(Debug, Default)]
pub(super) struct PlainText {
    bytes: Vec<u8>,
    over: bool,
    ended: bool,
}

impl Decoder for PlainText {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        if self.ended || self.over {
            return;
        }
        if self.bytes.len() + bytes.len() > EVENT_LIMIT {
            self.over = true;
            self.bytes = Vec::new();
            each(Delta::DecodeFault);
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // An error is JSON, whatever was asked for.
        let error = std::str::from_utf8(&self.bytes).ok().and_then(|json| said(json, false));
        if let Some(error) = error {
            each(Delta::Error(error));
            return;
        }
        each(Delta::NotStreamed);
        let bytes = std::mem::take(&mut self.bytes);
        let text = String::from_utf8_lossy(&bytes);
        if !text.is_empty() {
            each(Delta::Text { choice: 0, text });
        }
        each(Delta::Outputs { count: 1, dimensions: None });
        each(Delta::Done);
    }
}

/// A decoder of a transcription whose content type does not say what it is: its first bytes do.
#[derive(Default)]
pub(super) struct AnyText(Option<Box<dyn Decoder>>);

impl Decoder for AnyText {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        let start = bytes.trim_ascii_start();
        if self.0.is_none() && start.is_empty() {
            return;
        }
        let decoder = self.0.get_or_insert_with(|| {
            let marks: [&[u8]; 4] = [b"{", b"<", b"data:", b"event:"];
            match marks.iter().any(|mark| start.starts_with(mark)) {
                // JSON, events, or the page of a proxy, which is an error.
                true => Box::new(BodyDecoder::new(Transcription::default())),
                false => Box::new(PlainText::default()),
            }
        });
        decoder.push(bytes, each);
    }

    fn finish(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.0.get_or_insert_with(|| Box::new(PlainText::default())).finish(each);
    }
}
