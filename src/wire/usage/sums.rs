use super::found::{BESIDE, FIRST, Found};
use crate::event::Usage;

/// What the counts come to, whichever of them include others.
impl Found {
    /// Returns how much of the input is sound, pictures and films.
    fn media_input(&self) -> u64 {
        let media = ["input_audio_tokens", "input_image_tokens", "input_video_tokens"];
        media
            .iter()
            .filter_map(|name| self.details.get(*name))
            .fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Returns the input with cached tokens and all media.
    fn input(&self, cached: u64) -> Option<u64> {
        let (total, answered) = (self.total.get(), self.output.get());
        let input = plus(self.input.get()?, self.tool_input.get());
        let media = self.media_input();
        // Mistral counts sound beside the prompt. A part of the input explains what the total has beyond both counts, or is
        // larger than the whole.
        let beside = match total {
            Some(total) => media > 0 && total == plus(input, answered).saturating_add(media),
            None => media > input,
        };
        let input = if beside { input.saturating_add(media) } else { input };
        let all = plus(input, answered);
        // The total decides, else the names. Neither makes a part larger than the whole.
        let excludes = match total {
            _ if cached > input => true,
            Some(total) if total == all => false,
            Some(total) if cached > 0 && total == all.saturating_add(cached) => true,
            _ => {
                let beside = [self.read.rank(), self.write.rank()].contains(&Some(BESIDE))
                    || self.write.get().is_none() && self.writes_beside;
                beside && self.input.rank() != Some(FIRST)
            }
        };
        Some(if excludes { input.saturating_add(cached) } else { input })
    }

    /// Returns the output with reasoning. `input` is the input with all of its parts.
    fn output(&self, input: Option<u64>) -> Option<u64> {
        let output = self.output.get()?;
        let thought = self.reasoning.get().unwrap_or(0);
        let inputs = [input, self.input.get()].map(|input| plus(output, input));
        // The total decides, else the names. Reasoning that is counted by another tokenizer may be a little larger than the
        // output that includes it.
        // Perplexity counts reasoning beside the output, and has neither reasoning nor citations in its total.
        let cites = self.details.contains_key("output_citation_tokens");
        let excludes = match self.total.get() {
            _ if thought / 2 > output || cites => true,
            Some(total) if inputs.contains(&total) => false,
            Some(total) if inputs.map(|all| all.saturating_add(thought)).contains(&total) => true,
            _ => thought > output || self.output.rank() == Some(FIRST),
        };
        Some(if excludes { output.saturating_add(thought) } else { output })
    }

    pub(super) fn usage(self) -> Usage {
        let (total, reasoning) = (self.total.get(), self.reasoning.get());
        let by_lifetime = self.writes.values().copied().reduce(u64::saturating_add);
        let (read, write) = (self.read.get(), self.write.get().or(by_lifetime));
        let input = self.input(plus(plus(0, read), write));
        // Gemini omits the count of an answer that is all reasoning.
        let output = self.output(input).or(reasoning);
        // One is what the total has beside the other.
        let rest = |known: Option<u64>| Some(total?.checked_sub(known?)?).filter(|rest| *rest > 0);
        let (input, output) = (input.or_else(|| rest(output)), output.or_else(|| rest(input)));
        let mut usage =
            Usage::new(input, output).total(total).cached(read, write).reasoning(reasoning);
        usage.cache_writes = self.writes;
        usage.service_tier = self.tier.or(self.traffic).map(Into::into);
        usage.details = self.details;
        usage
    }
}

fn plus(count: u64, more: Option<u64>) -> u64 {
    count.saturating_add(more.unwrap_or(0))
}
