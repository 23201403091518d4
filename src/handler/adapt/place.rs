use crate::event::{Token, TokenKind};

/// Which of an answer's texts a token continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    choice: u32,
    pub(super) kind: TokenKind,
    tool_call: u32,
}

impl Place {
    pub(super) fn of(token: &Token) -> Self {
        let tool_call = token.tool_call().map_or(0, |call| call.index);
        Self { choice: token.choice(), kind: token.kind(), tool_call }
    }
}
