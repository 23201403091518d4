use super::{
    answer::AnswerState,
    event::{Event, Interaction},
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::{in_band, said},
        json::{self, ReadError},
        protocol::Protocol,
    },
};

/// The protocol of the Interactions API.
#[derive(Debug, Default)]
pub(super) struct Interactions {
    answer: AnswerState,
    /// The last status that an event reported, if it is one that ends the answer.
    status: Option<String>,
}

impl Protocol for Interactions {
    fn event(
        &mut self,
        name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        let event: Event<'_> = match data {
            "[DONE]" => {
                self.eof(each);
                return Ok(());
            }
            "" => Event::default(),
            data => json::read(data)?,
        };
        let answer = &mut self.answer;
        let index = event.index.0.unwrap_or(0);
        match event.event_type.as_deref().or(name).unwrap_or_default() {
            // The names of the first schema follow those of the next one.
            "interaction.created" | "interaction.start" => {
                let Interaction { id, model, .. } = event.interaction.0.unwrap_or_default();
                answer.response(id, model, each);
            }
            "interaction.status_update" => {
                answer.response(event.interaction_id, Default::default(), each);
                self.status = event.status.as_deref().filter(|it| is_terminal(it)).map(Into::into);
            }
            "step.start" => {
                if let Some(step) = event.step.0 {
                    answer.step(index, step, each);
                }
            }
            "step.delta" | "content.delta" => {
                if let Some(delta) = event.delta.0 {
                    answer.delta(index, delta, each);
                }
            }
            "step.stop" => {}
            "interaction.completed" | "interaction.complete" | "interaction.cancelled" => {
                self.end(event.interaction.0.unwrap_or_default(), data, each);
                return Ok(());
            }
            "error" => {
                answer.end(each);
                each(Delta::Error(in_band(data)));
                return Ok(());
            }
            _ => {
                if let Some(error) = said(data, false) {
                    each(Delta::Error(error));
                    return Ok(());
                }
            }
        }
        let metadata = event.metadata.0.unwrap_or_default();
        for usage in [event.usage, metadata.usage, metadata.total_usage] {
            AnswerState::usage(usage, None, each);
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        true
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let interaction: Interaction<'_> = json::read(json)?;
        let answered = interaction.object.as_deref() == Some("interaction")
            || interaction.steps.0.is_some()
            || interaction.outputs.0.is_some();
        if !answered {
            each(Delta::Error(said(json, false).ok_or(ReadError::Unreadable)?));
            return Ok(());
        }
        each(Delta::NotStreamed);
        self.end(interaction, json, each);
        Ok(())
    }

    fn eof(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.answer.end(each);
        if let Some(status) = self.status.take() {
            finish(&status, None, each);
        }
    }
}

impl Interactions {
    /// Ends the answer, whose JSON text has the message of an error.
    fn end(
        &mut self,
        mut interaction: Interaction<'_>,
        json: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.answer.interaction(&mut interaction, each);
        let error = interaction.error.and_then(|_| said(json, true));
        let status = interaction.status.as_deref().or(self.status.as_deref());
        finish(status.unwrap_or_default(), error, each);
    }
}

/// Ends an answer with a status. If that is `queued` or `in_progress`, a later call fetches the answer.
fn finish(status: &str, error: Option<ProviderError>, each: &mut dyn FnMut(Delta<'_>)) {
    if let "failed" | "cancelled" = status {
        let message = || ProviderError::new(format!("the interaction has {status}"));
        let message = error.unwrap_or_else(message);
        each(Delta::Error(message.code(status)));
        return;
    }
    if !status.is_empty() {
        each(Delta::Finish { choice: 0, reason: status.into() });
    }
    each(Delta::Done);
}

fn is_terminal(status: &str) -> bool {
    !matches!(status, "queued" | "in_progress")
}
