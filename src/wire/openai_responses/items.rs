use crate::wire::{arguments::Arguments, json::Count};

/// More items than an answer has. Bounds the memory of a stream.
const MAX_ITEMS: usize = 1024;
/// Longer than any id. Bounds the memory of a stream.
const MAX_ID: usize = 256;

/// The kinds of content emitted so far, which are not emitted again when the stream repeats them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Emitted {
    pub(super) text: bool,
    pub(super) refusal: bool,
    pub(super) reasoning: bool,
    /// The arguments of an item, or any call of an answer.
    pub(super) call: bool,
}

/// One of the two texts of a reasoning item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasoning {
    Summary,
    Raw,
}

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The item was not announced, for example because the stream was resumed in the middle.
    Unknown,
    /// A call of the caller's own tool, with the index of the tool call.
    Call(u32),
    Other,
}

/// The state of an item.
#[derive(Debug)]
pub(super) struct ItemState {
    index: Option<u64>,
    id: Option<Box<str>>,
    pub(super) kind: Kind,
    /// Whether the name and the id of a call were emitted.
    pub(super) named: bool,
    /// The text that came first, the only one to be emitted.
    pub(super) reasoning: Option<Reasoning>,
    pub(super) emitted: Emitted,
    /// The texts were emitted from the events that repeat them.
    pub(super) by_done: bool,
    /// The index of the command of a shell's call that is being read.
    pub(super) command: Option<u64>,
    /// The arguments of a call.
    pub(super) arguments: Arguments,
    /// Whether the item was announced and has not ended.
    pub(super) open: bool,
    pub(super) done: bool,
}

/// The item that an event refers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    index: Option<u64>,
    id: Option<&'a str>,
}

impl<'a> Key<'a> {
    pub(super) fn new(index: Count, id: Option<&'a str>) -> Self {
        let id = id.filter(|id| !id.is_empty() && id.len() <= MAX_ID);
        Self { index: index.0, id }
    }
}

/// The items of an answer.
#[derive(Debug, Default)]
pub(super) struct Items {
    known: Vec<ItemState>,
    /// Items were evicted. An unknown item may be one of them, whose content was emitted.
    evicted: bool,
}

impl Items {
    /// Adds an announced item.
    pub(super) fn open(&mut self, key: Key<'_>) -> &mut ItemState {
        let known = self.add(key);
        known.open = true;
        known
    }

    /// Returns the item that an event refers to, and adds it if it is new. Returns `None` if it may have been
    /// evicted.
    pub(super) fn get(&mut self, key: Key<'_>) -> Option<&mut ItemState> {
        if let Some(at) = self.find(key) {
            return Some(&mut self.known[at]);
        }
        if let Some(at) = self.unidentified() {
            // Its deltas had neither index nor id.
            let known = &mut self.known[at];
            (known.index, known.id) = (key.index, key.id.map(Into::into));
            return Some(known);
        }
        (!self.evicted).then(|| self.add(key))
    }

    /// Calls `each` with the index and the arguments of each tool call.
    pub(super) fn each_call(&mut self, each: &mut dyn FnMut(u32, &mut Arguments)) {
        for item in &mut self.known {
            if let Kind::Call(index) = item.kind {
                each(index, &mut item.arguments);
            }
        }
    }

    /// Returns whether an announced item has not ended.
    pub(super) fn any_open(&self) -> bool {
        self.known.iter().any(|item| item.open)
    }

    /// Searches by the exact id first: items may share an index. Then by index: the ids of some gateways change from
    /// event to event. An item of that index whose own id comes again is another one.
    fn find(&self, key: Key<'_>) -> Option<usize> {
        let last = |is: &dyn Fn(&ItemState) -> bool| self.known.iter().rposition(is);
        let named = |item: &ItemState| key.id.is_some() && item.id.as_deref() == key.id;
        match key {
            Key { index: None, id: None } => last(&|item| !item.done),
            Key { index: None, .. } => last(&named),
            Key { index, .. } => last(&|item| named(item) && item.index == index)
                .or_else(|| last(&|item| item.index.is_none() && named(item)))
                .or_else(|| {
                    last(&|item| item.index == index).filter(|&at| !self.is_another(at, key))
                }),
        }
    }

    /// Whether an item has ended, and the key is that of another one with the same index.
    fn is_another(&self, at: usize, key: Key<'_>) -> bool {
        let item = &self.known[at];
        item.done && item.id.is_some() && key.id.is_some()
    }

    fn unidentified(&self) -> Option<usize> {
        let matches = |item: &ItemState| item.index.is_none() && item.id.is_none() && !item.done;
        self.known.iter().rposition(matches)
    }

    fn add(&mut self, key: Key<'_>) -> &mut ItemState {
        if self.known.len() == MAX_ITEMS {
            let oldest = self.known.iter().position(|item| item.done).unwrap_or(0);
            self.known.remove(oldest);
            self.evicted = true;
        }
        self.known.push(ItemState {
            index: key.index,
            id: key.id.map(Into::into),
            kind: Kind::Unknown,
            named: false,
            reasoning: None,
            emitted: Emitted::default(),
            by_done: false,
            command: None,
            arguments: Arguments::default(),
            open: false,
            done: false,
        });
        let last = self.known.len() - 1;
        &mut self.known[last]
    }
}
