//! Reading providers' JSON with forbearance: borrowed where it can be, and a member of another type
//! than documented is as good as absent, so that it does not cost the rest of the event.

mod lenient;
mod list;
mod members;
mod object;
mod place;
mod read;
mod surrogates;
mod text;

pub(super) use lenient::lenient;
pub(super) use list::List;
pub(super) use members::members;
pub(super) use object::Object;
pub(super) use place::{Place, in_place};
pub(super) use read::{Fault, read, value};
pub(super) use text::Text;
