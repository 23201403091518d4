use std::borrow::Cow;

use super::{tool_name::ToolName, word_hash::WordHash};
use crate::wire::arguments::{Arguments, begins_value};

/// More tool calls than an answer has in all its choices. Bounds the memory of a stream.
const MAX_CALLS: usize = 1024;

/// The tool calls of a choice, in the order in which they were opened. Assigns fragments to calls.
///
/// A fragment continues the call with its index, or with its id if there is no index, or with its position. It opens
/// another call if it has another id and a name, or another name and no id, or if the arguments of the call are whole and
/// it has more. A new id alone does not open a call: vLLM sent one with each fragment.
///
/// A name may come in pieces: Google's OpenAI-compatible endpoint sent `edit_ex` and `isting_file`. Another name is the next
/// piece if the call has an id and the fragment has an index, but no id of its own, and no arguments came before it. A server
/// that gives its calls ids opens each of them with one.
///
/// Source of the pieces: <https://github.com/continuedev/continue/pull/5849>.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Tool>);

#[derive(Debug)]
struct Tool {
    key: u64,
    id: Option<WordHash>,
    name: ToolName,
    arguments: Arguments,
}

/// The call that a fragment belongs to, and which members of the fragment are new.
pub(super) struct Placement<'a> {
    pub(super) call: u32,
    pub(super) opens: bool,
    pub(super) new_id: bool,
    /// The name, if the fragment has it or a piece of it: with all pieces so far.
    pub(super) new_name: Option<String>,
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
        let position = u64::try_from(fragment.position).unwrap_or(u64::MAX);
        let key = fragment.index.unwrap_or(position);
        let (at, opens) = match self.find(&fragment, key, id) {
            Some(at) => (at, false),
            None if *known == MAX_CALLS => return None,
            None => {
                *known += 1;
                let (name, arguments) = (ToolName::default(), Arguments::default());
                self.0.push(Tool { key, id: None, name, arguments });
                (self.0.len() - 1, true)
            }
        };
        let tool = &mut self.0[at];
        let new_id = id.is_some() && tool.id.is_none();
        let new_name = tool.add_name(&fragment, id);
        tool.id = tool.id.or(id);
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

    fn find(&self, fragment: &Fragment<'_, '_>, key: u64, id: Option<WordHash>) -> Option<usize> {
        if fragment.whole {
            // Each is a call, whatever its id: some servers give all calls the same.
            return None;
        }
        let last = |is: &dyn Fn(&Tool) -> bool| self.0.iter().rposition(is);
        let at = match (fragment.index, id) {
            (None, Some(_)) => {
                return last(&|tool| tool.id == id && !tool.has_other_name(fragment));
            }
            (Some(_), _) => last(&|tool| tool.key == key),
            (None, None) => {
                // Beside another one in the same chunk, a fragment without an id continues no call of another place.
                let before = || self.0.len().checked_sub(1).filter(|_| fragment.position == 0);
                last(&|tool| tool.key == key).or_else(before)
            }
        };
        at.filter(|&at| self.0[at].continues(fragment, id))
    }
}

impl Tool {
    /// Whether another name in a fragment with this id is the next piece of the call's name.
    fn is_named_on(&self, fragment: &Fragment<'_, '_>, id: Option<WordHash>) -> bool {
        let same_id = self.id.is_some() && (id.is_none() || id == self.id);
        same_id && fragment.index.is_some() && self.name.may_go_on() && self.arguments.are_absent()
    }

    /// Adds the name of a fragment. Returns the name if that is new.
    fn add_name(&mut self, fragment: &Fragment<'_, '_>, id: Option<WordHash>) -> Option<String> {
        let name = fragment.name.filter(|name| !self.name.is(name))?;
        let is_new = !self.name.is_known() || self.is_named_on(fragment, id);
        is_new.then(|| self.name.add(name))
    }

    fn has_other_name(&self, fragment: &Fragment<'_, '_>) -> bool {
        self.name.is_known() && fragment.name.is_some_and(|name| !self.name.is(name))
    }

    fn continues(&self, fragment: &Fragment<'_, '_>, id: Option<WordHash>) -> bool {
        let same_id = id.is_some() && self.id == id;
        let other_id = id.is_some() && self.id.is_some() && !same_id;
        let is_named = fragment.name.is_some();
        let whole = self.arguments.are_whole() && begins_value(&fragment.arguments);
        let another = match (other_id, self.has_other_name(fragment)) {
            (true, _) if is_named && self.name.is_known() => true,
            (false, true) => !same_id && !self.is_named_on(fragment, id),
            // The same name once more, or none.
            _ => {
                let says_so = other_id || is_named && !same_id;
                whole && says_so && !self.arguments.are(&fragment.arguments)
            }
        };
        !another
    }
}
