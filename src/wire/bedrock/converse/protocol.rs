use std::borrow::Cow;

use super::event::{Answer, Block, Event, Tier, Trace};
use crate::{
    event::Delta,
    wire::{
        block_calls::BlockCalls,
        error::said,
        json::{self, Object, ReadError, Text},
        protocol::Protocol,
        usage,
    },
};

/// The protocol of the events and answers of `Converse`, which Nova's invocations have, too.
#[derive(Debug, Default)]
pub(in crate::wire::bedrock) struct Converse {
    /// The id of the request and the model, which answers do not say. Emitted first.
    head: Option<(Option<String>, Option<String>)>,
    /// The ARN of a prompt router. It chooses a model, which is known at the end.
    router: Option<String>,
    calls: BlockCalls,
    stopped: bool,
}

impl Converse {
    pub(super) fn new(id: Option<&str>, model: Option<&str>) -> Self {
        let is_router = |model: &&str| model.contains("prompt-router/");
        let router = model.filter(is_router).map(Into::into);
        let model = model.filter(|model| !is_router(model));
        let head = Some((id.map(Into::into), model.map(Into::into)));
        Self { head, router, ..Self::default() }
    }

    fn head(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some((id, model)) = self.head.take()
            && (id.is_some() || model.is_some())
        {
            each(Delta::Response { id: id.map(Into::into), model: model.map(Into::into) });
        }
    }

    /// Emits the model that a router has chosen, or else the router.
    fn routed(&mut self, trace: Object<Trace<'_>>, each: &mut dyn FnMut(Delta<'_>)) {
        let chosen = trace.0.and_then(|it| it.prompt_router.0?.invoked_model_id.filled());
        // The ARN of a model or of an inference profile ends with its name.
        let chosen = chosen.as_deref().map(|arn| arn.rsplit('/').next().unwrap_or(arn));
        let router = self.router.take();
        if let Some(model) = router.as_deref().map(|router| chosen.unwrap_or(router)) {
            each(Delta::Response { id: None, model: Some(model.into()) });
        }
    }

    /// Reads a block of a non-streamed answer.
    fn block(&mut self, block: Block<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Block { text, tool_use, reasoning, citations } = block;
        emit_text(text, each);
        if let Some(reasoning) = reasoning.0 {
            emit_reasoning(reasoning.reasoning_text.0.unwrap_or_default().text, each);
        }
        for part in citations.0.and_then(|it| it.content.0).into_iter().flatten() {
            emit_text(part.text, each);
        }
        if let Some(tool) = tool_use.0.filter(|tool| !tool.runs_at_provider()) {
            let input = tool.input.whole().map(Cow::into_owned);
            let (id, name) = (tool.tool_use_id.into_inner(), tool.name.into_inner());
            self.calls.begin(None, id, name, input, true, each);
            self.calls.close(None, each);
        }
    }
}

impl Protocol for Converse {
    const HAS_FRAMES: bool = true;

    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let event: Event<'_> = json::read(data)?;
        self.head(each);
        let index = event.index.0;
        match name {
            Some("contentBlockStart") => {
                // If the end of the previous block was lost, its call must not receive this block's input.
                self.calls.close(index, each);
                let tool = event.start.0.and_then(|start| start.tool_use.0);
                if let Some(tool) = tool.filter(|tool| !tool.runs_at_provider()) {
                    let (id, name) = (tool.tool_use_id.into_inner(), tool.name.into_inner());
                    self.calls.begin(index, id, name, None, false, each);
                }
            }
            Some("contentBlockDelta") => {
                let delta = event.delta.0.unwrap_or_default();
                emit_text(delta.text, each);
                emit_reasoning(delta.reasoning.0.unwrap_or_default().text, each);
                if let Some(piece) = delta.tool_use.0.and_then(|tool| tool.input.filled()) {
                    self.calls.piece(index, piece, each);
                }
            }
            Some("contentBlockStop") => self.calls.close(index, each),
            Some("messageStop") => {
                self.calls.end(each);
                self.stopped = true;
                finish(event.stop_reason, each);
            }
            // The last event, behind `messageStop`.
            Some("metadata") => {
                self.routed(event.trace, each);
                let tier = tier(&event.service_tier);
                usage::emit(event.usage.0.unwrap_or_default(), tier, each);
                if std::mem::replace(&mut self.stopped, true) {
                    each(Delta::Done);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        // A text changes nothing.
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let answer: Answer<'_> = json::read(json)?;
        let Some(message) = answer.output.0.and_then(|output| output.message.0) else {
            let error = said(json, false).ok_or(ReadError::Unreadable)?;
            each(Delta::Error(error));
            return Ok(());
        };
        each(Delta::NotStreamed);
        self.head(each);
        self.routed(answer.trace, each);
        for block in message.content.0.into_iter().flatten() {
            self.block(block, each);
        }
        usage::emit(answer.usage.0.unwrap_or_default(), tier(&answer.service_tier), each);
        finish(answer.stop_reason, each);
        each(Delta::Done);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
        self.routed(Object::default(), each);
        if self.stopped {
            each(Delta::Done);
        }
    }
}

fn tier<'t>(tier: &'t Object<Tier<'_>>) -> Option<&'t str> {
    tier.0.as_ref().and_then(|tier| tier.kind.as_deref()).filter(|tier| !tier.is_empty())
}

fn emit_text(text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    if let Some(text) = text.filled() {
        each(Delta::Text { choice: 0, text });
    }
}

fn emit_reasoning(text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    if let Some(text) = text.filled() {
        each(Delta::Reasoning { choice: 0, text });
    }
}

fn finish(reason: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    if let Some(reason) = reason.reason() {
        each(Delta::Finish { choice: 0, reason });
    }
}
