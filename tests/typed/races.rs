//! What only goes wrong when threads meet, or code of others fails, at an unlucky moment.

mod deadline;
mod flush;
mod panics;
