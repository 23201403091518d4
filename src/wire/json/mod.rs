//! Lenient reading of providers' JSON. Strings borrow where possible, and a member of another type than
//! documented counts as absent, so that the rest of the event is still read. What is not valid JSON but is read by
//! the clients of a provider is repaired, in one place for all formats.

mod compact;
mod count;
mod in_place;
mod lenient;
mod list;
mod many;
mod members;
mod nesting;
mod object;
mod parts;
mod raw;
mod read;
mod repair;
mod seen;
mod string;
mod text;

use compact::compact;
pub(super) use count::Count;
pub(super) use in_place::{InPlace, in_place};
pub(super) use lenient::lenient;
pub(super) use list::List;
pub(super) use many::Many;
pub(super) use members::{members, members_of};
pub(super) use nesting::Nesting;
pub(super) use object::Object;
pub(super) use parts::{Parts, TextPart};
pub(super) use raw::{Raw, joined};
pub(super) use read::{ReadError, compacted, read, unwrapped, value};
pub(super) use seen::Seen;
pub(super) use text::Text;
