use super::word_hash::WordHash;

/// Longer than any tool's name. Bounds the memory of a stream.
const MAX_NAME: usize = 256;

/// The name of a tool's call, which may come in pieces.
#[derive(Debug, Default)]
pub(super) struct ToolName {
    hash: Option<WordHash>,
    /// The name so far. Empty if it is too long to go on.
    so_far: String,
}

impl ToolName {
    pub(super) fn is_known(&self) -> bool {
        self.hash.is_some()
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.hash == Some(WordHash::new(name))
    }

    /// Whether there is a name, and pieces of it may follow.
    pub(super) fn may_go_on(&self) -> bool {
        !self.so_far.is_empty()
    }

    /// Adds a piece, which may have all so far. Returns the name.
    pub(super) fn add(&mut self, piece: &str) -> String {
        let mut name = std::mem::take(&mut self.so_far);
        if piece.starts_with(&*name) {
            name.clear();
        }
        name.push_str(piece);
        self.hash = Some(WordHash::new(&name));
        if name.len() <= MAX_NAME {
            self.so_far.clone_from(&name);
        }
        name
    }
}
