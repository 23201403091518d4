use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::wire::arguments::Arguments;

/// More tool calls than an answer has in all its choices. Bounds the memory of a stream.
const MAX_CALLS: usize = 1024;

/// The tool calls of a choice, in the order in which they were opened. Assigns fragments to calls.
///
/// A fragment continues the call with its index, or with its id if there is no index, or with its position. It opens
/// another call if it has another id and a name, or another name and no id, or if the arguments of the call are whole and
/// it has more. A new id alone does not open a call: vLLM sent one with each fragment.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Tool>);

#[derive(Debug)]
struct Tool {
    key: u64,
    id: Option<WordHash>,
    name: Option<WordHash>,
    arguments: Arguments,
}

/// The call that a fragment belongs to, and which members of the fragment are new.
pub(super) struct Placement<'a> {
    pub(super) call: u32,
    pub(super) opens: bool,
    pub(super) new_id: bool,
    pub(super) new_name: bool,
    pub(super) arguments: Cow<'a, str>,
}

/// A fragment of a call.
pub(super) struct Fragment<'a, 'f> {
    /// The provider's index.
    pub(super) index: Option<u64>,
    /// The position among the fragments of the chunk.
    pub(super) position: usize,
    pub(super) id: Option<&'f str>,
    pub(super) name: Option<&'f str>,
    pub(super) arguments: Cow<'a, str>,
    /// The arguments are text: the call is of a custom tool.
    pub(super) free: bool,
    /// The call is not streamed.
    pub(super) whole: bool,
}

/// The hash of a word that is only compared, so that long words use no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordHash(u64);

impl WordHash {
    pub(super) fn new(word: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Tools {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Assigns a fragment to a call. Returns `None` if there are too many calls; `known` is the number of calls in
    /// all choices.
    pub(super) fn place<'a>(
        &mut self,
        fragment: Fragment<'a, '_>,
        known: &mut usize,
    ) -> Option<Placement<'a>> {
        let id = fragment.id.map(WordHash::new);
        let name = fragment.name.map(WordHash::new);
        let position = u64::try_from(fragment.position).unwrap_or(u64::MAX);
        let key = fragment.index.unwrap_or(position);
        let (at, opens) = match self.find(&fragment, key, id, name) {
            Some(at) => (at, false),
            None if *known == MAX_CALLS => return None,
            None => {
                *known += 1;
                self.0.push(Tool { key, id: None, name: None, arguments: Arguments::default() });
                (self.0.len() - 1, true)
            }
        };
        let tool = &mut self.0[at];
        let new_id = id.is_some() && tool.id.is_none();
        let new_name = name.is_some() && tool.name.is_none();
        tool.id = tool.id.or(id);
        tool.name = tool.name.or(name);
        if fragment.free {
            tool.arguments.set_free();
        }
        let arguments = match fragment.whole {
            true => fragment.arguments,
            false => tool.arguments.push(fragment.arguments).unwrap_or_default(),
        };
        Some(Placement { call: u32::try_from(at).ok()?, opens, new_id, new_name, arguments })
    }

    /// Calls `each` with the rest of the arguments of each call.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(u32, String)) {
        for (call, tool) in (0..).zip(&mut self.0) {
            if let Some(rest) = tool.arguments.end() {
                each(call, rest);
            }
        }
    }

    fn find(
        &self,
        fragment: &Fragment<'_, '_>,
        key: u64,
        id: Option<WordHash>,
        name: Option<WordHash>,
    ) -> Option<usize> {
        if fragment.whole {
            // Each is a call, whatever its id: some servers give all calls the same.
            return None;
        }
        let last = |is: &dyn Fn(&Tool) -> bool| self.0.iter().rposition(is);
        let at = match (fragment.index, id) {
            (None, Some(_)) => {
                let named_alike =
                    |tool: &Tool| tool.name.is_none() || name.is_none() || tool.name == name;
                return last(&|tool| tool.id == id && named_alike(tool));
            }
            (Some(_), _) => last(&|tool| tool.key == key),
            (None, None) => {
                // Beside another one in the same chunk, a fragment without an id continues no call of another place.
                let before = || self.0.len().checked_sub(1).filter(|_| fragment.position == 0);
                last(&|tool| tool.key == key).or_else(before)
            }
        };
        at.filter(|&at| self.0[at].continues(fragment, id, name))
    }
}

impl Tool {
    fn continues(
        &self,
        fragment: &Fragment<'_, '_>,
        id: Option<WordHash>,
        name: Option<WordHash>,
    ) -> bool {
        let differs = |known: Option<WordHash>, sent: Option<WordHash>| {
            known.is_some() && sent.is_some() && known != sent
        };
        let (other_id, other_name) = (differs(self.id, id), differs(self.name, name));
        let same_id = id.is_some() && self.id == id;
        let whole = self.arguments.are_whole() && fragment.arguments.trim_start().starts_with('{');
        let another = match (other_id, other_name) {
            (true, _) if name.is_some() && self.name.is_some() => true,
            (false, true) => !same_id,
            // The same name once more, or none.
            _ => {
                let says_so = other_id || name.is_some() && !same_id;
                whole && says_so && !self.arguments.are(&fragment.arguments)
            }
        };
        !another
    }
}
