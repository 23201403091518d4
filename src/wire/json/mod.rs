//! Lenient reading of providers' JSON. Strings borrow where possible, and a member of another type than
//! documented counts as absent, so that the rest of the event is still read.

mod compact;
mod in_place;
mod lenient;
mod list;
mod members;
mod object;
mod read;
mod surrogates;
mod text;

pub(super) use compact::compact;
pub(super) use in_place::{InPlace, in_place};
pub(super) use lenient::lenient;
pub(super) use list::List;
pub(super) use members::members;
pub(super) use object::Object;
pub(super) use read::{ReadError, read, value};
pub(super) use text::Text;
