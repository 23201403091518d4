//! What only goes wrong when threads meet, or code of others fails, at an unlucky moment.

#[path = "races/deadline.rs"]
mod deadline;
#[path = "races/flush.rs"]
mod flush;
#[path = "races/panics.rs"]
mod panics;
mod support;
