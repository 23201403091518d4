use super::{Content, Event, EventData, Token, TokenKind, token::Text};

/// The event in which the emitter builds one token after the other, for handlers that are called at once.
impl Event {
    /// Creates the buffer.
    pub(crate) fn token_buffer() -> Self {
        let text = Text::Buffer(String::new());
        let token = Token { index: 0, choice: 0, kind: TokenKind::Text, text, tool_call: None };
        Self::new(0, None, EventData::LlmNewToken(token))
    }

    /// Overwrites the [buffer](Self::token_buffer) with the next token.
    #[inline(always)]
    pub(crate) fn refill_token(&mut self, seq: u64, index: u64, content: &Content<'_>) {
        self.seq = seq;
        let EventData::LlmNewToken(token) = &mut self.data else { return };
        token.index = index;
        token.choice = content.choice;
        token.kind = content.kind;
        token.tool_call.clone_from(&content.tool_call);
        match &mut token.text {
            Text::Buffer(buffer) => {
                buffer.clear();
                buffer.push_str(content.text);
            }
            // The event was cloned from one of a queue.
            text @ Text::Shared(_) => *text = Text::Buffer(content.text.to_owned()),
        }
    }
}
